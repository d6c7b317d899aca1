"""Side effects: thin classes that Temporal calls and that call the product. No decisions here."""
