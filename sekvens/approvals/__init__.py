"""Messages that wait for a person, and the person's word on them."""
