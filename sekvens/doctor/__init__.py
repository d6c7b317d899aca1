"""Looking a set-up over before mail leaves it, and saying what to do."""
