"""The images that a study is built from: opened, paired, and read scene by scene."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gpu_metrics.errors import InputError, SubmissionError
from gpu_metrics.ids import images_by_id
from gpu_metrics.intake.decoding import OFFICIAL, decode
from gpu_metrics.intake.entries import Entries, Source, open_entries
from gpu_metrics.intake.policy import Policy
from gpu_metrics.names import printable
from gpu_metrics.pairing import match_submission
from gpu_metrics.profiles import Images
from gpu_metrics.study.building.pictures import beginning

INPUTS = "inputs"


@dataclass(frozen=True, slots=True)
class Picture:
    """An image made ready: its width and height, and its PNG but for the end."""

    size: tuple[int, int]
    beginning: bytes


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a team, or the inputs, by scene, and how they are decoded."""

    owner: str
    entries: Entries
    names: Mapping[str, str]
    policy: Policy

    def load(self, scene: str) -> Picture | str:
        """The image of a scene, or what is the matter with it."""
        try:
            data = self.entries.read(self.names[scene])
            pixels = decode(data, policy=self.policy).pixels
        except InputError as error:
            return self.fault(scene, str(error))
        return Picture((pixels.shape[1], pixels.shape[0]), beginning(pixels))

    def fault(self, scene: str, text: str) -> str:
        return f"{self.owner}: {printable(self.names[scene])}: {text}"


@dataclass(frozen=True, slots=True)
class Gallery:
    """The input of every scene and each team's result for it."""

    inputs: _Files
    results: Mapping[str, _Files]

    @property
    def scenes(self) -> tuple[str, ...]:
        """The ids of all scenes, sorted."""
        return tuple(sorted(self.inputs.names))

    def read(self, scene: str, pool: Executor) -> tuple[Picture, dict[str, Picture]]:
        """The input of a scene, and the results by team, all of one size.

        Raises:
            SubmissionError: An image cannot be read or is of another size; all such are listed.
        """
        sources = [self.inputs, *self.results.values()]
        loaded = list(pool.map(lambda files: files.load(scene), sources))
        faults = [item for item in loaded if isinstance(item, str)]
        pictures = {
            files.owner: item
            for files, item in zip(sources, loaded, strict=True)
            if isinstance(item, Picture)
        }
        if faults := [*faults, *self._odd_sizes(scene, pictures)]:
            raise SubmissionError(f"scene {printable(scene)} cannot be shown:", faults)
        return pictures.pop(INPUTS), pictures

    def _odd_sizes(self, scene: str, pictures: Mapping[str, Picture]) -> list[str]:
        """Who has an image that cannot lie beside the others pixel by pixel."""
        results = {team: pictures[team].size for team in self.results if team in pictures}
        if INPUTS not in pictures:
            return []
        shown = pictures[INPUTS].size
        if len(results) > 1 and len({*results.values()}) == 1 and shown not in results.values():
            theirs = _text(next(iter(results.values())))
            return [
                self.inputs.fault(
                    scene,
                    f"{_text(shown)}, all results are {theirs}; they are shown beside it pixel by "
                    "pixel, so bring the input to their size first",
                )
            ]
        return [
            self.results[team].fault(
                scene, f"{_text(size)}, expected {_text(shown)}, the size of the input"
            )
            for team, size in results.items()
            if size != shown
        ]


@contextmanager
def opened_gallery(
    inputs: Source, results: Mapping[str, Source], rules: Images
) -> Iterator[Gallery]:
    """The images of a study, open until the end of the `with` statement.

    Args:
        inputs: Folder, zip file or bytes by name: an image for each scene, of the host.
        results: The same of each team, for the same scenes.
        rules: How names become ids of scenes, and how results are decoded; inputs are taken as
            OpenCV reads them.

    Raises:
        InputError: A team is called "inputs".
        SubmissionError: Files are missing, too many, or share an id, or a source is refused as a
            whole; the faults of all sources are listed, each with its team.
        EngineError: A source cannot be read.
    """
    if INPUTS in results:
        raise InputError(f"{INPUTS}: means the inputs in messages; give the team another name")
    with ExitStack() as stack:
        problems: list[str] = []
        opened: dict[str, Entries] = {}
        for owner, source in [(INPUTS, inputs), *results.items()]:
            try:
                opened[owner] = stack.enter_context(open_entries(source))
            except SubmissionError as error:
                problems += [f"{owner}: {text}" for text in error.problems or [error.summary]]
        scenes: Mapping[str, str] = {}
        if (host := opened.pop(INPUTS, None)) is not None:
            named = images_by_id(host.names, rules, skip=rules.skip, shown=printable)
            scenes = named.files
            problems += [f"{INPUTS}: {problem}" for problem in named.problems]
            if not scenes:
                problems.append(f"{INPUTS}: no images; expected {', '.join(rules.extensions)}")
        policy = Policy(rules.decoding, rules.extensions)
        files = {}
        for team, entries in opened.items() if scenes else ():
            match = match_submission(entries.names, {scene: scene for scene in scenes}, rules)
            problems += [f"{team}: {problem}" for problem in match.problems]
            files[team] = _Files(team, entries, match.found, policy)
        if problems or host is None:
            raise SubmissionError("a study cannot be built from these images:", problems)
        yield Gallery(_Files(INPUTS, host, scenes, OFFICIAL), files)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
