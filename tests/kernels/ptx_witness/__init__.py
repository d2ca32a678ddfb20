"""A second witness beside the host compiler: an interpreter of the PTX that NVRTC emits."""

from ptx_witness.machine import PtxFault
from ptx_witness.runner import PtxRunner

__all__ = ["PtxFault", "PtxRunner"]
