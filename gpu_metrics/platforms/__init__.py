"""Challenge platforms: what each of them expects of a scoring program, and nothing more."""
