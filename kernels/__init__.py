"""CUDA kernels, their forms compiled for the CPU, their wrappers and twins on any device."""
