"""What a model expects of a contact: the next order, orders to come, and when they are gone."""
