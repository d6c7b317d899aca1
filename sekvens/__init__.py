"""Sekvens runs a shop's lifecycle e-mail: one durable workflow for each contact in a flow."""

__version__ = "0.1.0"
