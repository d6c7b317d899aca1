"""What contacts answer to the questions of e-mails."""
