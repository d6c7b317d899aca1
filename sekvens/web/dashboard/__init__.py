"""The dashboard: pages for the staff, rendered here, within the API's process.

A page is a function from the database to values and a template that shows them (`page`); what
changes something is an action that first asks (`action`). Words stand in `words/`, one file for
each page, in every language at once.
"""
