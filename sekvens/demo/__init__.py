"""The demo: every service on this machine, and a shop whose orders are real."""
