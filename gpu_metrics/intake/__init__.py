"""The front door for files from strangers: archives, names and images, checked before use."""
