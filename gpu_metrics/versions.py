"""Versions of installed packages."""

from importlib.metadata import PackageNotFoundError, version


def installed_version(*packages: str) -> str | None:
    """Version of the first of these packages that is installed; None where none is."""
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None
