"""Histories of enrollments, replayed on this checkout: files, Temporal's own, verdicts.

A history holds ids only; its files are all the same readable by their owner alone.
"""
