"""Leaderboards: an append-only store of runs, and the standings it shows."""
