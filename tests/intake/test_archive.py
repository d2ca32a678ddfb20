"""Zip files of strangers: what is read of them, and that damage costs the file alone."""

import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_metrics.errors import GpuMetricsError, InputError, SubmissionError
from gpu_metrics.intake.entries import open_entries
from tests.intake import zips
from tests.intake.archives import CRC, NOISE, PACKED, TWO, WHOLE

BESIDE = zips.local(b"002.png", PACKED, 9000, crc=CRC)


def reason(path, name="001.png"):
    """Why a file cannot be read; its neighbour can."""
    with open_entries(path) as entries:
        assert entries.read("002.png") == b"a" * 9000
        with pytest.raises(InputError) as caught:
            entries.read(name)
    return str(caught.value)


def beside(member, **fields):
    """A zip file of a member as given, and a sound one."""
    fields = {"packed": len(PACKED), "size": 9000, "crc": CRC} | fields
    packed, size = fields.pop("packed"), fields.pop("size")
    entries = [
        zips.central(b"001.png", 0, packed, size, **fields),
        zips.central(b"002.png", len(member), len(PACKED), 9000, crc=CRC),
    ]
    return zips.assembled(member + BESIDE, entries)


FLIPPED = WHOLE[:38] + bytes([WHOLE[38] ^ 0x55]) + WHOLE[39:]
STORED = zips.local(b"001.png", b"b" * 9000, 9000, crc=CRC, method=0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(
            beside(FLIPPED), "it does not unpack to 9,000 bytes", id="line-38 deflate damaged"
        ),
        pytest.param(
            beside(STORED, packed=9000, method=0),
            "its checksum is wrong",
            id="line-38 stored damaged",
        ),
        pytest.param(
            beside(WHOLE[:26] + b"\x06" + WHOLE[27:]),
            "its header is not where the directory says",
            id="line-38 header damaged",
        ),
        pytest.param(
            beside(WHOLE.replace(b"001", b"003")),
            "its header is not where the directory says",
            id="line-38 header of another file",
        ),
        pytest.param(beside(WHOLE, crc=CRC ^ 1), "its checksum is wrong", id="line-39 CRC"),
        pytest.param(
            beside(WHOLE, size=8999), "it does not unpack to 8,999 bytes", id="line-39 too small"
        ),
        pytest.param(
            beside(WHOLE, size=9001),
            "expected 9,001 bytes, there are 9,000",
            id="line-39 too large",
        ),
        pytest.param(
            beside(WHOLE, size=10**6),
            f"{len(PACKED)} bytes cannot hold 1,000,000",
            id="line-39 impossibly large",
        ),
        pytest.param(
            beside(zips.local(b"001.png", NOISE(80_000), 5), packed=80_000, size=5),
            "80,000 bytes cannot hold 5",
            id="line-39 impossibly small",
        ),
        pytest.param(
            beside(STORED, packed=9000, size=9001, method=0),
            "expected 9,001 bytes, there are 9,000",
            id="line-39 stored",
        ),
    ],
)
def test_damage_costs_the_file_alone(put, data, why):
    assert reason(put(data)) == f"damaged inside the zip file: {why}"


CONTENT = {"a.png": NOISE(100_000), "b/c.png": bytes(50_000), "d.png": b"", "e": b"x"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_byte_is_read(put, method):
    with open_entries(put(zips.zipped(CONTENT, method=method))) as entries:
        assert {name: entries.read(name) for name in entries.names} == CONTENT
        assert {name: entries.size(name) for name in entries.names} == {
            name: len(data) for name, data in CONTENT.items()
        }


class Pipe:
    """A file that can only be written forward."""

    def __init__(self, path):
        self._file = path.open("wb")

    def write(self, data):
        return self._file.write(data)

    def flush(self):
        self._file.flush()

    def close(self):
        self._file.close()


def test_zip_files_written_to_a_pipe_are_read(tmp_path):
    pipe = Pipe(tmp_path / "a.zip")
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in CONTENT.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    pipe.close()
    with open_entries(tmp_path / "a.zip") as entries:
        assert {name: entries.read(name) for name in entries.names} == CONTENT


def test_large_zip_files_have_their_numbers_elsewhere(put):
    wide = struct.pack("<2H3Q", 1, 24, 9000, len(PACKED), 0)
    other = struct.pack("<2H4s", 0x5455, 4, b"time")
    none = 2**32 - 1
    entries = [zips.central(b"001.png", none, none, none, crc=CRC, extra=other + wide)]
    with open_entries(put(zips.assembled64(WHOLE, entries))) as opened:
        assert opened.read("001.png") == b"a" * 9000


def test_comments_and_bytes_after_the_end_do_not_matter(put):
    commented = TWO[:-2] + struct.pack("<H", 5) + b"hello"
    for data in (commented, TWO + b"\n"):
        with open_entries(put(data)) as entries:
            assert len(entries.read("001.png")) == 5000


def test_names_are_utf8_or_of_the_first_pc(put):
    names = [b"\x81.png", "人.png".encode()]
    members = [zips.local(name, b"", 0, method=0) for name in names]
    entries = [
        zips.central(names[0], 0, 0, 0, method=0),
        zips.central(names[1], len(members[0]), 0, 0, method=0, flags=1 << 11),
    ]
    with open_entries(put(zips.assembled(b"".join(members), entries))) as opened:
        assert opened.names == ("ü.png", "人.png")


def test_all_threads_read_the_same_bytes(put):
    content = {f"{number:03}.png": NOISE(2000 + 100 * number) for number in range(50)}
    with open_entries(put(zips.zipped(content))) as entries, ThreadPoolExecutor(8) as pool:
        read = pool.map(entries.read, entries.names * 4)
        assert list(read) == [content[name] for name in entries.names] * 4


def test_a_name_that_is_not_there_is_told(put):
    with (
        open_entries(put(TWO)) as entries,
        pytest.raises(InputError, match=r"no file of the submission is called 003\\n\.png"),
    ):
        entries.read("003\n.png")


@pytest.mark.parametrize("name", ["absent.zip", "pipe"])
def test_what_is_no_file_is_no_zip_file(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        SubmissionError, match="^absent.zip: expected .* got nothing|^pipe: .* else"
    ):
        open_entries(tmp_path / name)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_no_damage_goes_unnoticed(put, data):
    content = {"001.png": NOISE(300), "a/002.png": b"b" * 300, "readme.txt": b"CPU[1] : 1"}
    damaged = bytearray(zips.zipped(content))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "double"])):
            case "flip":
                damaged[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del damaged[max(place, 1) :]
            case "drop":
                del damaged[place : place + data.draw(st.integers(1, 40))]
            case "double":
                damaged[place:place] = damaged[place : place + data.draw(st.integers(1, 40))]
        damaged = damaged or bytearray(b"P")
    seen = set(content.values())
    try:
        with open_entries(put(bytes(damaged))) as entries:
            for name in entries.names:
                try:
                    assert entries.read(name) in seen
                except InputError as error:
                    assert "damaged inside" in str(error)
    except GpuMetricsError as error:
        assert isinstance(error, SubmissionError)
