"""Engagement: what was opened and clicked, by people and by machines; never a message's state."""
