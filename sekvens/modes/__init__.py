"""Modes that people have set: draft, manual or live, of a flow or of one of its steps."""
