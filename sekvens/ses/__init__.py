"""Amazon SES: the client, the MIME it sends, and a local SES that speaks the same wire."""
