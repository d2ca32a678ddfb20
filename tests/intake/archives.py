"""Zip files that tests of archives share, and how one is refused."""

import random
import zlib

import pytest

from gpu_metrics.errors import SubmissionError
from gpu_metrics.intake.entries import open_entries
from gpu_metrics.intake.listing import Limits
from tests.intake import zips

NOISE = random.Random(0).randbytes
TWO = zips.zipped({"001.png": NOISE(5000), "002.png": NOISE(3000)})
PACKED = zips.raw_deflate(b"a" * 9000)
CRC = zlib.crc32(b"a" * 9000)
WHOLE = zips.local(b"001.png", PACKED, 9000, crc=CRC)


def entry(*, offset=0, excess=0, size=9000):
    """What a directory says of `WHOLE`, or something else."""
    return zips.central(b"001.png", offset, len(PACKED) + excess, size, crc=CRC)


def refused(path, **limits):
    """The error that refuses a zip file, which does not tell where it lies."""
    with pytest.raises(SubmissionError) as caught:
        open_entries(path, limits=Limits(**limits))
    assert "server" not in str(caught.value)
    return caught.value
