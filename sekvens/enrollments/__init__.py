"""Enrollments: one contact's passage through one flow."""
