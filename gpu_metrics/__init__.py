"""Batch metric engine for image-restoration leaderboards."""

__version__ = "0.1.0"
