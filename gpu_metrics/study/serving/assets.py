"""The files that a juror's page consists of, for the server and for a bundle alike."""

import hashlib
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from gpu_metrics.errors import EngineError
from gpu_metrics.study.manifest import IMAGES, Manifest

_PACKAGE = "gpu_metrics.study.serving"
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


def juror_page(title: str, *, bundle: bool) -> str:
    """The page jurors vote on; in a bundle, its files lie beside it."""
    templates = Environment(
        loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined
    )
    return templates.get_template("juror.html").render(
        title=title, bundle=bundle, assets="" if bundle else "static/"
    )


def static_files() -> dict[str, bytes]:
    """Scripts and styles of the page by name."""
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(files(_PACKAGE).joinpath("static").iterdir(), key=lambda e: e.name)
        if Path(entry.name).suffix in MEDIA_TYPES
    }


def image(study: Path, manifest: Manifest, token: str) -> bytes:
    """The file of a token, in PNG.

    Every image is read whole and held against the manifest, so that all take the same way and
    jurors see what was published.

    Raises:
        EngineError: The file cannot be read, or is not the one that the study was built with.
    """
    path = study / IMAGES / f"{token}.png"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path}: cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != manifest.images[token]:
        raise EngineError(f"{path}: not the image that the study was built with; put that back")
    return data
