"""What an order of teams is worth, and how the final one comes about."""
