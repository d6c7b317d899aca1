"""Reputation: how much of our mail bounces or is complained of, and the breaker that acts on it."""
