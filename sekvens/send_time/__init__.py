"""When an e-mail should arrive, on the contact's own clock."""
