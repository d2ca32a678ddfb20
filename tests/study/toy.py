"""A small study made by hand: tokens and pictures, without the drawing of scenes."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from gpu_metrics.study.manifest import (
    IMAGES,
    MANIFEST,
    Juror,
    Key,
    Manifest,
    Rules,
    Screen,
    Seat,
    Showing,
    sha256,
)

DIMENSIONS = (
    "facial naturalness",
    "portrait detail preservation",
    "lighting realism",
    "background cleanliness",
    "scene balance",
    "overall consistency",
)


def toy_study(
    folder: Path,
    *,
    kinds=("practice", "vote", "vote", "repeat"),
    teams=("north", "south", "east", "west", "up", "down"),
    jurors=("Ada", "Ben"),
    ties=None,
    size=(96, 128),
    best=3,
    seed=0,
) -> tuple[Manifest, Key]:
    """Write a study's manifest and images into `folder`; the key is returned, not written.

    A repeat shows the scene of the first vote. `ties` are teams a juror must not see, by name.
    Candidates differ in a few gray levels and a colored square, so that screenshots can be read.
    """
    draw = np.random.default_rng(seed)
    (folder / IMAGES).mkdir(parents=True)

    def token():
        return draw.bytes(16).hex()

    images = {}

    def write(pixels):
        name = token()
        data = cv2.imencode(".png", pixels)[1].tobytes()
        (folder / IMAGES / f"{name}.png").write_bytes(data)
        images[name] = hashlib.sha256(data).hexdigest()
        return name

    height, width = size
    pictures, screens, scenes, owners = {}, {}, {}, {}
    for index, kind in enumerate(kinds):
        scene = "001" if kind == "repeat" else f"{index:03d}"
        if scene not in pictures:
            base = cv2.resize(
                draw.integers(40, 220, (6, 8, 3), dtype=np.uint8),
                (width, height),
                interpolation=cv2.INTER_CUBIC,
            )
            pictures[scene] = base, [_candidate(base, draw) for _ in teams]
        base, candidates = pictures[scene]
        tokens = dict(zip(teams, map(write, candidates), strict=True))
        owners |= {name: team for team, name in tokens.items()}
        screen = token()
        scenes[screen] = scene
        screens[screen] = Screen(
            kind=kind,
            width=width,
            height=height,
            input=write(base // 3),
            candidates=tuple(sorted(tokens.values())),
        )
    key = Key(
        secret=draw.bytes(32).hex(),
        seed=seed,
        scenes=scenes,
        teams=owners,
        jurors={
            f"juror-{number}": Juror(
                name=name, tied_to=tuple((ties or {}).get(name, ())), invitation=token() + token()
            )
            for number, name in enumerate(jurors, start=1)
        },
        organiser=token() + token(),
    )
    manifest = Manifest(
        title="A toy study",
        rules=Rules(contest="toy", digest="0" * 64, best=best, dimensions=DIMENSIONS),
        key_sha256=sha256(key.to_json()),
        organiser_sha256=sha256(key.organiser),
        screens=screens,
        seats={id_: _seat(juror, screens, owners, draw) for id_, juror in key.jurors.items()},
        images=images,
    )
    manifest.save(folder / MANIFEST)
    return manifest, key


def _candidate(base, draw):
    shift = draw.integers(-30, 30, 3)
    pixels = np.clip(base.astype(int) + shift, 0, 255).astype(np.uint8)
    y, x = draw.integers(0, [base.shape[0] - 16, base.shape[1] - 16])
    pixels[y : y + 16, x : x + 16] = draw.integers(0, 256, 3)
    return pixels


def _seat(juror, screens, owners, draw):
    showings = []
    for id_, screen in screens.items():
        seen = [token for token in screen.candidates if owners[token] not in juror.tied_to]
        order = tuple(str(token) for token in draw.permutation(seen))
        showings.append(Showing(screen=id_, order=order))
    return Seat(invitation_sha256=sha256(juror.invitation), showings=tuple(showings))
