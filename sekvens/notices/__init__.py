"""Notices: every change of consent or suppression, told to the shop's other systems."""
