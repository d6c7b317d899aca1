"""Experiments and holdouts: who draws what, what it comes to, and when that is known."""
