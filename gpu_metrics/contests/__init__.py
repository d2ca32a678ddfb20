"""Contests: how the boards of a challenge become its final standing, as strict, hashed TOML."""

from pathlib import Path

from gpu_metrics.contests.contest import (
    BoardInput,
    Constant,
    Contest,
    Gate,
    GivenInput,
    Invitation,
    JuryRules,
    Phase,
    Place,
    Rate,
    Share,
)
from gpu_metrics.contests.form import parse_contest
from gpu_metrics.profiles.document import find_text, shipped_names

__all__ = [
    "BoardInput",
    "Constant",
    "Contest",
    "Gate",
    "GivenInput",
    "Invitation",
    "JuryRules",
    "Phase",
    "Place",
    "Rate",
    "Share",
    "contest_names",
    "load_contest",
    "parse_contest",
]


def contest_names() -> list[str]:
    """Names of the contests that come with the package, sorted."""
    return shipped_names(__name__)


def load_contest(name_or_path: str | Path) -> Contest:
    """The contest of that name, or the one in the TOML file at that path.

    A string is a path where it ends in .toml or holds a slash.
    """
    text, where = find_text(name_or_path, __name__, what="contest")
    return parse_contest(text, where=where)
