"""Switches: a person, or the breaker, holds the messages of one flow or of all."""
