"""`competition.yaml`: what Codabench makes a competition from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from gpu_metrics.errors import InputError, ProfileError
from gpu_metrics.platforms.codabench.scoring import OnError, check_on_error
from gpu_metrics.profiles import Profile

PROGRAM = "scoring_program"
REFERENCE = "reference_data"
KIT = "starting_kit"
TERMS = "pages/terms.md"

# what fits into Codabench's columns
_LONGEST_TITLE = 256
_LONGEST_KEY = 36
# from the program's own limit to the worker's, to start in and to end in
_MARGIN = 30


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of time in which submissions are taken, in UTC; None: without end."""

    name: str
    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Competition:
    """What the hosts of a competition decide and no profile says.

    Args:
        title: At most 256 characters.
        docker_image: An image with gpu-metrics installed, where workers find it.
        phases: In their order; all but the last need an end, and none may overlap.
        description: One or two sentences under the title.
        queue: Vhost of the queue whose workers score; the public one by default.
        limit: Seconds that one submission may take, at least 60.
        per_day, per_person: Submissions of one participant in a phase.
        on_error: What becomes of submissions that cannot be scored; see `run_program`.
    """

    title: str
    docker_image: str
    phases: Sequence[Phase]
    description: str = ""
    queue: str | None = None
    limit: int = 600
    per_day: int = 5
    per_person: int = 100
    on_error: OnError = "fail"


def command(competition: Competition) -> str:
    """The command line of the scoring program, as the worker runs it in the program's folder."""
    options = f"--seconds {competition.limit - _MARGIN} --on-error {competition.on_error}"
    return f"python3 scoring.py /app/input /app/output {options}"


def describe(
    competition: Competition,
    profile: Profile,
    *,
    logo: PurePosixPath,
    pages: Sequence[tuple[str, str]],
    reference: bool,
) -> dict[str, Any]:
    """The content of `competition.yaml`; files are named relative to its folder.

    Args:
        logo: File of the logo.
        pages: Title and file of each page, terms excepted.
        reference: Whether the reference data are in the bundle; else they are chosen in the
            editor, from the data sets that were uploaded before.

    Raises:
        InputError, ProfileError: Something that Codabench would refuse.
    """
    _check(competition)
    check_on_error(competition.on_error, profile)
    chosen = {"queue": competition.queue} if competition.queue else {}
    task = {
        "index": 0,
        "name": profile.name,
        "description": profile.title,
        "scoring_program": PROGRAM,
        **({"reference_data": REFERENCE} if reference else {}),
    }
    return {
        "version": 2,
        "title": competition.title,
        "description": competition.description,
        "image": str(logo),
        "terms": TERMS,
        "docker_image": competition.docker_image,
        **chosen,
        "enable_detailed_results": True,
        "make_programs_available": False,
        "pages": [{"title": title, "file": file} for title, file in pages],
        "tasks": [task],
        "phases": [_phase(i, phase, competition) for i, phase in enumerate(competition.phases)],
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": "Force_Best",
                "columns": columns(profile),
            }
        ],
    }


def columns(profile: Profile) -> list[dict[str, Any]]:
    """The profile's columns as far as they are among its outputs, the ranked one first.

    Codabench ranks by the first, then from left to right, then by time.
    """
    keys = {output.text: name for name, output in profile.outputs.items()}
    names = sorted(keys.keys() & profile.columns, key=list(profile.columns).index)
    names.sort(key=lambda name: name != profile.ranking.by)
    listed = []
    for index, name in enumerate(names):
        column, key = profile.columns[name], keys[name]
        if long := [text for text in (column.title, key) if len(text) > _LONGEST_KEY]:
            raise ProfileError(
                f"{profile.name}: {long[0]!r} is too long for a column of Codabench, which holds "
                f"{_LONGEST_KEY} characters"
            )
        sorting = "desc" if _higher_is_better(profile, name) else "asc"
        listed.append(
            {
                "title": column.title,
                "key": key,
                "index": index,
                "sorting": sorting,
                "precision": column.digits,
                "hidden": False,
            }
        )
    return listed


def _higher_is_better(profile: Profile, name: str) -> bool:
    if name in profile.measures:
        return profile.measures[name].catalogued.higher_is_better
    return profile.ranking.higher_is_better


def _phase(index: int, phase: Phase, competition: Competition) -> dict[str, Any]:
    return {
        "index": index,
        "name": phase.name,
        "start": f"{phase.start:%Y-%m-%d %H:%M:%S}",
        **({"end": f"{phase.end:%Y-%m-%d %H:%M:%S}"} if phase.end else {}),
        "max_submissions_per_day": competition.per_day,
        "max_submissions": competition.per_person,
        "execution_time_limit": competition.limit,
        "accepts_only_result_submissions": True,
        "starting_kit": KIT,
        "tasks": [0],
    }


def _check(competition: Competition) -> None:
    if not 0 < len(competition.title) <= _LONGEST_TITLE:
        raise InputError(
            f"title: expected 1 to {_LONGEST_TITLE} characters, got {len(competition.title)}"
        )
    if competition.limit < 2 * _MARGIN:
        raise InputError(f"limit: expected {2 * _MARGIN} s or more, got {competition.limit}")
    if not competition.phases:
        raise InputError("phases: expected one at least")
    for phase in competition.phases:
        if phase.end is not None and phase.end <= phase.start:
            raise InputError(f"phase {phase.name!r}: ends before it starts")
    for phase, following in pairwise(competition.phases):
        if phase.end is None or following.start <= phase.end:
            raise InputError(
                f"phase {phase.name!r}: must end before {following.name!r} starts, "
                f"at {following.start:%Y-%m-%d %H:%M:%S}"
            )
