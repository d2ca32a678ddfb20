"""Zip files of strangers that are too large, or only say so: they cost neither memory nor time."""

import subprocess
import sys
import time

import pytest

from gpu_metrics.intake.entries import open_entries
from tests.intake import zips
from tests.intake.archives import WHOLE, entry, refused

MB = 2**20


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        pytest.param(
            {"file_bytes": 70 * MB},
            "001.png: {size} bytes; expected at most {cap}",
            id="line-43 file",
        ),
        pytest.param(
            {"total_bytes": 70 * MB},
            "{size} bytes in all; expected at most {cap}",
            id="line-43 total",
        ),
    ],
)
def test_sizes_are_bounded_by_what_the_directory_says(put, limits, problem):
    data = zips.zipped({"001.png": bytes(80 * MB)})
    error = refused(put(data), ratio=10_000, **limits)
    (cap,) = limits.values()
    assert error.problems == (problem.format(size=f"{80 * MB:,}", cap=f"{cap:,}"),)


def test_ratios_are_bounded_from_64_mib_up(put):
    small = zips.zipped({"001.png": bytes(64 * MB)})
    with open_entries(put(small)) as entries:
        assert entries.read("001.png") == bytes(64 * MB)
    large = zips.zipped({"001.png": bytes(64 * MB), "002.png": b"1"})
    assert refused(put(large)).problems == (
        f"{len(large):,} bytes unpack to {64 * MB + 1:,}; expected at most 100 times as many",
    )


BOMB = """
import resource, sys
from gpu_metrics.errors import GpuMetricsError
from gpu_metrics.intake.entries import open_entries
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_entries(sys.argv[1]) as entries:
        entries.read(entries.names[0])
except GpuMetricsError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)
"""


def liar():
    """A member of 40 MB that has 9000 bytes by its headers."""
    packed = zips.raw_deflate(bytes(40 * MB))
    member = zips.local(b"001.png", packed, 9000)
    return zips.assembled(member, [zips.central(b"001.png", 0, len(packed), 9000)])


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        pytest.param(
            lambda: zips.zipped({"001.png": bytes(100 * MB)}), "bytes unpack to", id="line-43 ratio"
        ),
        pytest.param(
            lambda: zips.overlap_bomb(500, bytes(100 * MB)), "overlaps", id="line-44 50 GB"
        ),
        pytest.param(liar, "it does not unpack to 9,000 bytes", id="line-39 a header that lies"),
        pytest.param(
            lambda: zips.assembled(WHOLE, [entry(size=60 * MB)]),
            "bytes cannot hold 62,914,560",
            id="line-39 a header that boasts",
        ),
    ],
)
def test_bombs_cost_no_memory(put, bomb, message):
    command = [sys.executable, "-c", BOMB, str(put(bomb()))]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert message in result.stdout
    # KiB beyond what the imports took; 0 were measured
    assert int(result.stderr) < 1024


@pytest.mark.parametrize("form", [zips.assembled, zips.assembled64])
@pytest.mark.parametrize("count", [1_000_000, 5], ids="line-45 announced as {}".format)
def test_a_million_members_are_refused_at_once(put, form, count):
    entries = [zips.central(b"%06d.png" % number, 0, 0, 0) for number in range(1_000_000)]
    path = put(
        form(b"PK\x03\x04", entries, count=count % 2**16 if form is zips.assembled else count)
    )
    start = time.perf_counter()
    error = refused(path)
    # 0.3 ms on the machine this was written on, since the directory is not read
    assert time.perf_counter() - start < 1
    assert "more than 10,000 files" in error.summary or "56,000,000 bytes" in error.summary


def test_directories_are_counted_whatever_they_announce(put):
    data = zips.assembled(
        b"PK\x03\x04", [zips.central(b"%d" % n, 0, 0, 0) for n in range(9)], count=3
    )
    assert refused(put(data), files=8).summary == (
        "team.zip: more than 8 files and folders; hand in the images alone"
    )
