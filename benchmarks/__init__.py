"""Peers, accuracy and speed, measured side by side with the engine."""
