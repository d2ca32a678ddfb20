"""A study from results: drawn, put behind tokens, and written so that no file tells a team."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpu_metrics.contests import Contest, JuryRules, contest_names, load_contest
from gpu_metrics.errors import InputError
from gpu_metrics.intake.entries import Source
from gpu_metrics.profiles import Images
from gpu_metrics.study.building.draw import draw_scenes
from gpu_metrics.study.building.files import (
    MOMENT,
    OnProgress,
    appearing,
    private_file,
    write_images,
)
from gpu_metrics.study.building.gallery import opened_gallery
from gpu_metrics.study.building.jurors import Invited, check_jurors
from gpu_metrics.study.building.seats import Screens, input_token, result_token, screen_id, showings
from gpu_metrics.study.building.tokens import KeyedChance
from gpu_metrics.study.manifest import (
    IMAGES,
    MANIFEST,
    Juror,
    Key,
    Manifest,
    Rules,
    Screen,
    Seat,
    sha256,
)


@dataclass(frozen=True, slots=True)
class Design:
    """How many scenes are drawn for what, and by which seed.

    Args:
        scenes: Voted on; as many as the contest says by default.
        practice: Shown first to learn the page, and not counted; none of those voted on.
        repeats: Of those voted on, shown a second time without telling.
        seed, strata: As `draw_scenes` takes them. Repeats are drawn with the secret of the key,
            since jurors could foretell them from a seed.
    """

    scenes: int | None = None
    practice: int = 2
    repeats: int = 5
    seed: int = 0
    strata: Mapping[str, str] | None = None


def build_study(
    study: Path,
    key: Path,
    *,
    contest: Contest,
    images: Images,
    candidates: Mapping[str, Source],
    inputs: Source,
    jurors: Sequence[Invited],
    design: Design = Design(),
    title: str | None = None,
    secret: bytes | None = None,
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Write a blind study into a new folder, and the key to it into a new file, mode 0600.

    Every image becomes an 8-bit RGB PNG of the same making, all files of a screen of one length
    and all of one time, under a token that follows from the secret alone. The folder appears when
    it is complete. What tokens stand for can be worked out with the key only; but whoever knows
    which teams a juror is tied to can find these in the manifest by what that juror is not shown.
    So publish its hash before the first vote, and the manifest itself after the last.

    Args:
        contest: Its `jury` says how many scenes there are, how many results a juror picks, and by
            what.
        images: How files are paired with scenes and decoded: `profile.images`.
        candidates: Folder, zip file or bytes by name of each team.
        inputs: The same of the inputs, which say what scenes there are.
        jurors: Their ids are juror-1, juror-2, ... in this order.
        title: What jurors see at the top of the page; the contest's name by default.
        secret: 32 bytes that tokens and orders follow from; random by default.
        on_progress: Called with the number of scenes done and of all.

    Returns:
        The manifest, as it was written; the key is read with `Key.load`.

    Raises:
        InputError: The contest has no jury, `study` or `key` is there already, the key would lie
            inside of the study, or there are too few scenes, or teams for a juror.
        SubmissionError: Images are missing, damaged, or not of one size; all are listed by team.
        EngineError: Something cannot be read or written.
    """
    jury = _jury(contest)
    check_places(study, key=key)
    check_jurors(jurors, candidates, jury.best)
    secret = secret or secrets.token_bytes(32)
    with opened_gallery(inputs, candidates, images) as gallery, appearing(study) as part:
        scenes = _scenes(gallery.scenes, design, jury, secret)
        (part / IMAGES).mkdir()
        written = write_images(part / IMAGES, gallery, scenes, secret, on_progress)
        opening = _key(scenes, sorted(candidates), jurors, design.seed, secret)
        shown = showings(jurors, sorted(candidates), scenes, secret)
        manifest = Manifest(
            title=title or contest.name,
            rules=Rules(
                contest=contest.name,
                digest=contest.digest,
                best=jury.best,
                dimensions=jury.dimensions,
            ),
            key_sha256=sha256(opening.to_json()),
            organiser_sha256=sha256(opening.organiser),
            screens=_screens(scenes, sorted(candidates), written.sizes, secret),
            seats={
                id_: Seat(invitation_sha256=sha256(juror.invitation), showings=own)
                for (id_, juror), own in zip(opening.jurors.items(), shown, strict=True)
            },
            images=written.hashes,
        )
        manifest.save(part / MANIFEST)
        for path in (part / MANIFEST, part / IMAGES):
            os.utime(path, (MOMENT, MOMENT))
        with private_file(key, opening.to_json()):
            part.rename(study)
    return manifest


def check_places(study: Path, **private: Path) -> None:
    """Raise InputError unless a study can be written there, and private files apart from it."""
    for what, path in (("study", study), *private.items()):
        if path.exists() or path.is_symlink():
            raise InputError(f"{what}: {path} is there already, and is never overwritten")
    for what, path in private.items():
        if path.resolve().is_relative_to(study.resolve()):
            raise InputError(
                f"{what}: {path} lies inside of the study, which is served; keep it elsewhere"
            )
        if not path.parent.is_dir():
            raise InputError(f"{what}: there is no folder {path.parent}")
    if len({path.resolve() for path in private.values()}) < len(private):
        raise InputError(f"{', '.join(private)}: expected a file for each")


def _jury(contest: Contest) -> JuryRules:
    if contest.jury is None:
        having = [name for name in contest_names() if load_contest(name).jury is not None]
        raise InputError(
            f"{contest.name}: has no jury; expected a contest with [jury], such as "
            f"{', '.join(having)}"
        )
    return contest.jury


def _scenes(known: Sequence[str], design: Design, jury: JuryRules, secret: bytes) -> Screens:
    """The scenes of each kind of screen."""
    count = jury.scenes if design.scenes is None else design.scenes
    if not 1 <= count <= len(known):
        raise InputError(f"scenes: expected 1..{len(known)}, the scenes there are, got {count}")
    voted = draw_scenes(known, count, seed=design.seed, strata=design.strata)
    rest = [scene for scene in known if scene not in voted]
    if not 0 <= design.practice <= len(rest):
        raise InputError(
            f"practice: expected 0..{len(rest)}, the scenes that are not voted on, "
            f"got {design.practice}"
        )
    if not 0 <= design.repeats <= count:
        raise InputError(f"repeats: expected 0..{count}, got {design.repeats}")
    return {
        "practice": draw_scenes(rest, design.practice, seed=design.seed),
        "vote": voted,
        "repeat": KeyedChance(secret, "repeats").sample(voted, design.repeats),
    }


def _key(
    scenes: Screens, teams: Sequence[str], jurors: Sequence[Invited], seed: int, secret: bytes
) -> Key:
    return Key(
        secret=secret.hex(),
        seed=seed,
        scenes=dict(
            sorted((screen_id(secret, k, scene), scene) for k in scenes for scene in scenes[k])
        ),
        teams=dict(
            sorted(
                (result_token(secret, kind, scene, team), team)
                for kind in scenes
                for scene in scenes[kind]
                for team in teams
            )
        ),
        jurors={
            f"juror-{number}": Juror(
                name=juror.name, tied_to=juror.tied_to, invitation=secrets.token_hex(32)
            )
            for number, juror in enumerate(jurors, start=1)
        },
        organiser=secrets.token_hex(32),
    )


def _screens(
    scenes: Screens,
    teams: Sequence[str],
    sizes: Mapping[str, tuple[int, int]],
    secret: bytes,
) -> dict[str, Screen]:
    screens = {
        screen_id(secret, kind, scene): Screen(
            kind=kind,
            width=sizes[scene][0],
            height=sizes[scene][1],
            input=input_token(secret, kind, scene),
            candidates=tuple(sorted(result_token(secret, kind, scene, team) for team in teams)),
        )
        for kind in scenes
        for scene in scenes[kind]
    }
    return dict(sorted(screens.items()))
