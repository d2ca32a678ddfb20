"""Whatever befalls a scorer and its files: no row is lost, none is stale, every bit is as fresh."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gpu_metrics import engine
from gpu_metrics.cache import RowCache
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import EngineError
from gpu_metrics.measuring import finish
from gpu_metrics.profiles import load_profile, parse_profile
from gpu_metrics.results import Run
from tests.intake.files import photo, png

IDS = ("001", "002", "003")
# three images and one that is cut short
CONTENTS = [*(png(photo(13, 16, seed=seed)) for seed in range(3)), png(photo(13, 16))[:99]]
TEXT = load_profile("infrared-sr2026").text
PROFILES = {
    "plain": TEXT,
    # another formula over the same rows, and other rows
    "composed anew": TEXT.replace("20 * ssim", "30 * ssim"),
    "measured anew": TEXT.replace('color = "rgb" }', 'color = "luma" }'),
}


class Killed(BaseException):
    """Nothing of this process goes on from here."""


class Watched(RowCache):
    """Rows that must be there once they were put, until a process is killed.

    Args:
        kept: Keys of the rows that were put.
        kill: Number of the SQL statement that is no more executed; what lies on the disk by then
            is copied to `remains`, as a killed process leaves it.
    """

    def __init__(self, folder: Path, kept: set[str], kill: int = 0, remains: Path = Path()) -> None:
        super().__init__(folder)
        self._kept, self._kill, self._remains = kept, kill, remains
        self._file._connection.set_trace_callback(self._executes)

    def _executes(self, statement: str) -> None:
        if statement.startswith(("BEGIN", "INSERT", "COMMIT")):
            self._kill -= 1
            if self._kill == 0:
                shutil.copytree(self.path.parent, self._remains)

    def get_many(self, keys):
        found = super().get_many(keys)
        assert self._kept & {*keys} <= found.keys(), "a row was lost"
        return found

    def put(self, rows):
        super().put(rows)
        if self._remains.exists():
            raise Killed
        self._kept |= rows.keys()


@cache
def _reference() -> tempfile.TemporaryDirectory[str]:
    """The same reference set for every example, until the process ends."""
    folder = tempfile.TemporaryDirectory()
    (gt := Path(folder.name) / "gt").mkdir()
    for number, id_ in enumerate(IDS):
        (gt / f"{id_}.png").write_bytes(png(photo(13, 16, seed=10 + number)))
    return folder


def _scorer(profile: str, rows: RowCache | None = None) -> Scorer:
    rules, reference = parse_profile(PROFILES[profile], where=profile), _reference().name
    return Scorer(rules, reference, device="cpu", threads=1, cache=rows)


_plain_scorer = cache(_scorer)


class Durability(RuleBasedStateMachine):
    """A submission scored again and again, with a cache that is spoiled and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.submission = self.root / "submission"
        self.rows, self.record = self.root / "rows", self.root / "run.json"
        self.submission.mkdir()
        for number, id_ in enumerate(IDS):
            self.hand_in(id_, number)
        self.profile, self.version, self.lives = "plain", 1, 0
        self.kept: set[str] = set()
        self.sound, self.saved = True, None

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @rule(id_=st.sampled_from(IDS), content=st.integers(0, len(CONTENTS) - 1))
    def hand_in(self, id_, content):
        (self.submission / f"{id_}.png").write_bytes(CONTENTS[content])

    @rule(profile=st.sampled_from([*PROFILES]))
    def change_profile(self, profile):
        self.profile = profile

    @rule()
    def upgrade_engine(self):
        self.version += 1

    @rule(kind=st.sampled_from(["digit", "flip", "cut", "zeros"]), place=st.integers(0, 2**16))
    def spoil_rows(self, kind, place):
        file = self.rows / "rows.sqlite"
        if file.exists():
            data = bytearray(file.read_bytes())
            places = range(len(data))
            if kind == "digit":
                # of numbers and checksums, which nobody can tell from right ones
                places = [i for i in places if data[i : i + 1].isdigit()]
            start = places[place % len(places)]
            match kind:
                case "digit":
                    data[start] = b"1234567890"[data[start] - ord("0")]
                case "flip":
                    data[start] ^= 1
                case "cut":
                    del data[start:]
                case "zeros":
                    data[start : start + 512] = bytes(len(data[start : start + 512]))
            file.write_bytes(data)
            self.sound = False
            self.kept.clear()

    @rule()
    def lose_rows(self):
        shutil.rmtree(self.rows, ignore_errors=True)
        self.sound = True
        self.kept.clear()

    @rule()
    def score(self):
        self._score()

    @rule()
    def score_twice(self):
        first, again = self._score(), self._score()
        if first and again and self.sound:
            assert again.provenance["cached"] == len(first.images)

    @rule(statement=st.integers(1, 3 * len(IDS)))
    def killed_while_scoring(self, statement):
        self._score(kill=statement)

    @rule(step=st.sampled_from(["fsync", "replace"]))
    def killed_while_saving(self, step):
        run = self._score()
        if run is not None:
            with mock.patch.object(os if step == "fsync" else Path, step, side_effect=Killed):
                try:
                    run.save(self.record)
                except Killed:
                    return
            raise AssertionError("saved without a trace on the disk")

    @rule()
    def save(self):
        run = self._score()
        if run is not None:
            run.save(self.record)
            self.saved = run

    @invariant()
    def the_record_is_the_last_that_was_saved(self):
        assert self.saved is None or Run.load(self.record) == self.saved

    def _score(self, kill: int = 0) -> Run | None:
        """A run that is as one without a cache; None where damage was told, or it was killed."""
        self.lives += 1
        remains = self.root / f"rows of life {self.lives}"
        try:
            with self._engine(), Watched(self.rows, self.kept, kill, remains) as rows:
                run = _scorer(self.profile, rows).score(self.submission)
        except Killed:
            self.rows = remains
            return None
        except EngineError as error:
            assert not self.sound and "delete it, and its rows are computed again" in str(error)
            self.lose_rows()
            return None
        if not self.sound:
            self.kept.clear()
        with self._engine():
            fresh = _plain_scorer(self.profile).score(self.submission)
        assert run.images == fresh.images and run.rejected == fresh.rejected
        assert run.scores == fresh.scores and run.means == fresh.means
        return run

    @contextmanager
    def _engine(self) -> Iterator[None]:
        """Each version is known by its fingerprint, and gives digits of its own."""
        with (
            mock.patch.object(engine, "fingerprint", lambda *_: f"engine {self.version}"),
            mock.patch.object(engine, "finish", lambda *_: finish(*_) + self.version),
        ):
            yield


TestDurability = Durability.TestCase
TestDurability.settings = settings(max_examples=12, stateful_step_count=12)
