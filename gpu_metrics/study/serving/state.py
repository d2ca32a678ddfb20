"""What a juror's page is told: screens in their order, tokens, and which ballots are cast."""

from collections.abc import Collection
from typing import Any

from gpu_metrics.study.manifest import Manifest

# enough of a hash to tell studies apart
_SHORT = 12


def short_hash(manifest: Manifest) -> str:
    """What pages and bundles call a study: the first digits of its manifest's hash."""
    return manifest.sha256[:_SHORT]


def state(manifest: Manifest, juror: str, cast: Collection[str] = ()) -> dict[str, Any]:
    """The study as one juror may know it; `cast` are the ids of screens with a ballot.

    A repeat looks like any screen that counts, and nothing tells of teams, scenes or others.
    """
    return {
        "title": manifest.title,
        "study": short_hash(manifest),
        "juror": juror,
        "best": manifest.rules.best,
        "dimensions": list(manifest.rules.dimensions),
        "screens": [
            {
                "screen": showing.screen,
                "practice": (screen := manifest.screens[showing.screen]).kind == "practice",
                "width": screen.width,
                "height": screen.height,
                "input": screen.input,
                "order": list(showing.order),
                "cast": showing.screen in cast,
            }
            for showing in manifest.seats[juror].showings
        ],
    }


def tokens_of(manifest: Manifest, juror: str) -> list[str]:
    """The images on a juror's own screens, sorted by token, which tells nothing."""
    showings = manifest.seats[juror].showings
    inputs = [manifest.screens[showing.screen].input for showing in showings]
    return sorted({*inputs, *(token for showing in showings for token in showing.order)})
