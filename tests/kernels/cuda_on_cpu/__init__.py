"""CUDA kernels executed on the CPU: the same `.cu` text, compiled for the host."""

from cuda_on_cpu.runner import CpuRunner, KernelFault, Library

__all__ = ["CpuRunner", "KernelFault", "Library"]
