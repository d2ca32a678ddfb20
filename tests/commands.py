"""The command line as a process of its own."""

import sys

# a shell may have told its background jobs to ignore interrupts
_START = """
import signal
from gpu_metrics.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""

GPU_METRICS = [sys.executable, "-c", _START]
