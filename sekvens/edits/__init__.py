"""Texts of e-mails that were edited on the dashboard: drafts, published edits, and their way back.

The repository stays where e-mails live. An edit that is published is owed to it until it has it:
until then no publishing from the repository overwrites it without a word.
"""
