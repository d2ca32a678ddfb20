"""Kernels in machine code for the CPU; `name.py` holds function `name` and its SIGNATURE."""
