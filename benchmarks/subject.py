"""What is scored from end to end: a submission of the demo set, or files of one's own."""

import argparse
from pathlib import Path

from gpu_metrics.demo import build_demo


def add_subject(parser: argparse.ArgumentParser) -> None:
    """The options that `subject` reads."""
    parser.add_argument("--groups", type=int, default=100, help="images of the demo set")
    parser.add_argument("--folder", type=Path, default=Path("gpu-metrics-demo"))
    parser.add_argument("--reference", type=Path, help="instead of the demo set")
    parser.add_argument("--submission", type=Path, help="with --reference")


def subject(chosen: argparse.Namespace) -> tuple[Path, Path]:
    """Folders of the reference set and of a submission; the demo set is built where it is not."""
    if chosen.reference is not None and chosen.submission is not None:
        return chosen.reference, chosen.submission
    demo = build_demo(chosen.folder, groups=chosen.groups)
    return demo.reference, demo.submissions["gain-denoise"]
