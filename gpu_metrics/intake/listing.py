"""What folders, archives and named bytes have in common: files by name, and bounds on them."""

from collections.abc import Callable
from dataclasses import dataclass

from gpu_metrics.errors import SubmissionError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a submission may hold; more is refused before it is read.

    Args:
        files: Files and folders together.
        file_bytes: Bytes of one file, unpacked.
        total_bytes: Bytes of all files, unpacked.
        ratio: How many times its own size a zip file may unpack to; small ones are spared.
    """

    files: int = 10_000
    file_bytes: int = 256 * 2**20
    total_bytes: int = 32 * 2**30
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class File:
    """One file under the name it came with, which nobody has checked yet.

    `read` gives its bytes, checked against the size and whatever checksum there is; InputError
    where that cannot be. `fault` says why the file must not be there.
    """

    name: str
    size: int
    read: Callable[[], bytes]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything a submission holds, in any order, and what is wrong with it as a whole."""

    title: str
    files: tuple[File, ...]
    problems: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None


def too_many(title: str, limits: Limits) -> SubmissionError:
    """The refusal of a submission with more files than one should have."""
    return SubmissionError(
        f"{title}: more than {limits.files:,} files and folders; hand in the images alone"
    )
