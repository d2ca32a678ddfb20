"""Results of four teams in formats of their own, with their names inside, and a jury."""

import numpy as np

from gpu_metrics.contests import load_contest
from gpu_metrics.profiles import load_profile
from gpu_metrics.study.building.build import Design, build_study
from gpu_metrics.study.building.jurors import Invited
from gpu_metrics.study.manifest import Key
from tests.intake.files import encoded, photo, png, with_chunk

CONTEST = load_contest("raim2026-flash-portrait")
PROFILE = load_profile("raim2026-flash-portrait")
SCENES = [f"{number:03d}" for number in range(11, 20)]
TEAMS = ["northern-lights", "southern-cross", "eastern-star", "western-sun"]
JURORS = [Invited("Ada-of-the-jury"), Invited("Ben-of-the-jury")]
DESIGN = Design(scenes=6, practice=1, repeats=2, seed=3)
SECRET = b"0123456789abcdef" * 2
SIZE = (24, 32)


def inputs():
    return {f"{scene}_flash-input.png": png(picture(scene, 0)) for scene in SCENES}


def results():
    """Files of each team by name: PNG with a text, EXIF and a profile; JPEG; BMP; 16 bits."""
    return {team: dict(_file(team, scene) for scene in SCENES) for team in TEAMS}


def picture(scene, number):
    return photo(*SIZE, seed=10 * int(scene) + number)


def built(folder, *, given=None, **changes):
    """The folder of a study, its manifest and its key; `changes` are arguments of `build_study`."""
    folder.mkdir(exist_ok=True)
    study, key = folder / "study", folder / "key.json"
    arguments = {
        "contest": CONTEST,
        "images": PROFILE.images,
        "candidates": results() if given is None else given,
        "inputs": inputs(),
        "jurors": JURORS,
        "design": DESIGN,
        "secret": SECRET,
    }
    manifest = build_study(study, key, **arguments | changes)
    return study, manifest, Key.load(key)


def _file(team, scene):
    number = TEAMS.index(team)
    pixels, name = picture(scene, number + 1), f"{team}-{scene}"
    if number == 0:
        data = with_chunk(png(pixels), b"tEXt", f"Author\0{team}".encode())
        return f"{name}.png", with_chunk(data, b"tIME", bytes([7, 234, 1, 2, 3, 4, 5]))
    if number == 1:
        data = encoded(".jpg", pixels)
        comment = team.encode()
        return f"{name}.jpg", data[:2] + b"\xff\xfe\0%c" % (len(comment) + 2) + comment + data[2:]
    if number == 2:
        return f"{name}.bmp", encoded(".bmp", pixels)
    return f"{name}.png", png(pixels.astype(np.uint16) * 257, depth=16)
