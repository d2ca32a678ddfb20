"""What the votes of a jury are worth: chance, agreement, bias, and metrics beside people."""
