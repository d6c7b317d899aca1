"""What a contact is likely to want next: needed again, or going with what they have."""
