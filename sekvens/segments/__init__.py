"""Conditions on contacts, evaluated: in the database and in memory."""
