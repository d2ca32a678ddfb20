"""Profiles: the rules of leaderboards as strict, versioned, hashed TOML."""

from pathlib import Path

from gpu_metrics.profiles.answers import Answers, Judge
from gpu_metrics.profiles.document import find_text, shipped_names
from gpu_metrics.profiles.form import parse_profile
from gpu_metrics.profiles.profile import (
    WHOLE_IMAGE,
    Column,
    Images,
    Measure,
    Profile,
    Ranking,
    Region,
    Tolerance,
    Tolerances,
)

__all__ = [
    "WHOLE_IMAGE",
    "Answers",
    "Column",
    "Images",
    "Judge",
    "Measure",
    "Profile",
    "Ranking",
    "Region",
    "Tolerance",
    "Tolerances",
    "load_profile",
    "parse_profile",
    "profile_names",
]


def profile_names() -> list[str]:
    """Names of the profiles that come with the package, sorted."""
    return shipped_names(__name__)


def load_profile(name_or_path: str | Path) -> Profile:
    """The profile of that name, or the one in the TOML file at that path.

    A string is a path where it ends in .toml or holds a slash.
    """
    text, where = find_text(name_or_path, __name__, what="profile")
    return parse_profile(text, where=where)
