"""Contacts taken over from a file: our own columns, or an export of Klaviyo or Mailchimp."""
