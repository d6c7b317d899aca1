"""Feeds: what a source outside tells when an e-mail is composed, such as the weather."""
