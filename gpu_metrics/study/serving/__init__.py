"""A study in front of jurors: the server, the page, and bundles for those who cannot reach it."""
