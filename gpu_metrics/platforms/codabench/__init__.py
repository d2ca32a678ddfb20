"""Codabench: the competition's bundle, its scoring program, and a dry run of its worker."""
