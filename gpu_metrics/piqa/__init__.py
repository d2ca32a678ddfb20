"""Answers to pairs of images: which one is better, and why; read, measured, judged and scored."""
