"""People who work at the shop and log in to its pages: accounts, passwords, sessions."""
