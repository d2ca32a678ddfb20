"""Profiles: the rules of leaderboards as strict, versioned, hashed TOML."""

from importlib.resources import files
from pathlib import Path

from gpu_metrics.catalog import did_you_mean
from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles.answers import Answers, Judge
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
    names = [entry.name for entry in files(__name__).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_profile(name_or_path: str | Path) -> Profile:
    """The profile of that name, or the one in the TOML file at that path.

    A string is a path where it ends in .toml or holds a slash.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return _load_file(Path(name_or_path))
    if text not in (names := profile_names()):
        raise ProfileError(
            f"unknown profile {text!r}; available: {', '.join(names)}, "
            f"or the path of a .toml file{did_you_mean(text, names)}"
        )
    file = f"{text}.toml"
    return parse_profile(files(__name__).joinpath(file).read_text("utf-8"), where=file)


def _load_file(path: Path) -> Profile:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not UTF-8 text: {error.reason}") from error
    return parse_profile(text, where=str(path))
