"""Contests: how the boards of a challenge become its final standing."""
