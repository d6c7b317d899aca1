"""Entry keys: what tells one entry of a contact into a flow from another, as text."""

import hashlib

#: PostgreSQL's index takes 2,704 bytes, of several columns together.
KEY_LENGTH_MAX = 255


def key_of(value: object) -> str:
    """Turn an id from an event into a key; one that no index would take is hashed."""
    text = str(value)
    return text if len(text) <= KEY_LENGTH_MAX else hashlib.sha256(text.encode()).hexdigest()
