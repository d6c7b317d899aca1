"""What SES reports of messages it took: read from a queue, kept, and turned into ledger facts."""
