"""What SES lets this account send: asked about once a minute, and known to the whole fleet."""
