"""`python -m tests.fuzz`: damaged PNGs, JPEGs and zip files, each refused or read right.

Prints how many were refused and how many read, and what is wrong with any that was neither;
`--first NUMBER --mutants 1` makes that one again. Exits with 1 if there was one.
"""

import argparse
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from tests.fuzz import archives, jpegs, pngs
from tests.fuzz.oracle import Verdict, judge_archive, judge_image
from tests.fuzz.witness import Witness

# a mutant takes milliseconds, or a process for itself, and the memory of a small image
SECONDS = 120
MEMORY = 256 << 20


class Hanging(BaseException):
    """A mutant takes so long that nobody would wait; no error, so that nothing catches it."""


def main() -> int:
    """Try mutants of each kind and tell what came of them."""
    options = _options()
    _limit_memory()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, closing(Witness()) as witness:
        judges: dict[str, Callable[[Random], Verdict]] = {
            "png": lambda random: judge_image(pngs.mutant(random), pngs.SIZE, witness),
            "jpeg": lambda random: judge_image(jpegs.mutant(random), jpegs.SIZE, witness),
            "zip": lambda random: judge_archive(archives.mutant(random), Path(folder) / "a.zip"),
        }
        for kind in options.kinds or judges:
            counts: Counter[str] = Counter()
            for number in range(options.first, options.first + options.mutants):
                counts[_tried(judges[kind], f"{options.seed} {kind} {number}")] += 1
            found = ", ".join(f"{counts[key]:,} {key}" for key in ("refused", "equal", "wrong"))
            print(f"{kind}: {options.mutants:,} mutants, {found}", flush=True)
            wrong += counts["wrong"]
    return int(wrong > 0)


def _tried(judge: Callable[[Random], Verdict], seed: str) -> Verdict | str:
    try:
        with _patience():
            return judge(Random(seed))
    except (Exception, Hanging) as error:
        print(f"{seed}: {type(error).__name__}: {error}", flush=True)
        return "wrong"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="png|jpeg|zip", help="all by default")
    parser.add_argument("--mutants", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    return parser.parse_args()


@contextmanager
def _patience() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise Hanging(f"took more than {SECONDS} s")

    signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _limit_memory() -> None:
    """Let a mutant that takes much memory meet a MemoryError, where the system can do that."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        used = int(sizes.read_text().split()[0]) * resource.getpagesize()
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, most))


if __name__ == "__main__":
    sys.exit(main())
