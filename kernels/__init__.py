"""CUDA kernels, their checked wrappers and their twins on any device."""
