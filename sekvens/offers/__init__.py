"""Offers: codes, who has claimed them, who has used them, and who was referred by whom."""
