"""Messages: the ledger, the gate, and how an e-mail is made."""
