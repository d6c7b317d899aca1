"""Backfills: contacts let into a flow whose trigger lies in the past."""
