"""Calls to the shop's own systems."""
