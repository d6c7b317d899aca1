"""What customers wrote about products, shown once somebody has read it."""
