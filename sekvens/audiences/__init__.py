"""Audiences: contacts whom a flow finds by what is so, and not by what they did."""
