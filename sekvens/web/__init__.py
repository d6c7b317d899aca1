"""The HTTP app: ingress, public links, pages."""
