"""What shop platforms tell by webhook, turned into the events that Segment's API would bring."""
