"""A blind study: experts pick the best results of each scene and cannot tell whose they are."""
