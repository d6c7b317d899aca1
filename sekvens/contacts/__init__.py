"""Contacts: who they are, what they agreed to, what we must not do."""
