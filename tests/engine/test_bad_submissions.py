"""Bad files on their way to an exit code; ids begin with a line of the table of bad inputs."""

import csv
import io
import json
import tempfile
import zlib

import pytest

from gpu_metrics.results import Run
from tests.intake import zips
from tests.intake.files import photo, png
from tests.intake.test_bad_images import REFUSED

# needs neither weights nor masks, and pairs by whole names
PLAIN = ["--profile", "infrared-sr2026"]
GOOD = png(photo(seed=1))


@pytest.fixture
def reference(tmp_path):
    """As many equal ground truths as there are images to be refused, and one more."""
    gt = tmp_path / "server" / "gt"
    gt.mkdir(parents=True)
    for number in range(len(REFUSED) + 1):
        (gt / f"{number:03}.png").write_bytes(png(photo()))
    return gt.parent


@pytest.fixture
def small(tmp_path):
    """A reference set of two images of 24 x 32."""
    gt = tmp_path / "server" / "gt"
    gt.mkdir(parents=True)
    for name in ("001.png", "002.png"):
        (gt / name).write_bytes(png(photo()))
    return gt.parent


def score(run_cli, submission, reference, *options):
    return run_cli("score", submission, *PLAIN, "--reference", reference, *options)


def test_every_refused_image_costs_itself_alone(run_cli, reference, tmp_path):
    """Lines 1 to 6, 8, 15, 18, 19, 21, 22 and 30 at once."""
    team = tmp_path / "server" / "team"
    team.mkdir()
    for number, (data, _) in enumerate(REFUSED.values()):
        (team / f"{number:03}.png").write_bytes(data)
    good = f"{len(REFUSED):03}"
    (team / f"{good}.png").write_bytes(GOOD)

    outcome = score(run_cli, team, reference, "-o", tmp_path / "run.json")

    assert outcome.code == 1
    run = Run.load(tmp_path / "run.json")
    assert (run.status, [row.id for row in run.images]) == ("partial", [good])
    assert set(run.scores.values()) == {None}
    for item, (_, reason) in zip(run.rejected, REFUSED.values(), strict=True):
        assert item.reason.startswith(reason)
        assert f"rejected: {item.file}: {item.reason}" in outcome.err.splitlines()
        assert "server" not in item.reason
    count = f"{len(REFUSED)} of {len(REFUSED) + 1} images rejected, so there is no score"
    assert outcome.err.splitlines()[-1] == count


WHOLE = zips.zipped({"001.png": GOOD, "002.png": GOOD})
# the file, and words of the refusal
ARCHIVES = {
    "line-36 PNG": (GOOD, "expected a folder of images or a zip file, got a PNG file"),
    "line-37 cut short": (WHOLE[:-30], "the zip file is cut short"),
    "line-40 encrypted": (
        zips.assembled(
            zips.local(b"001.png", b"", 0), [zips.central(b"001.png", 0, 0, 0, flags=1)]
        ),
        "001.png: password-protected",
    ),
    "line-41 escaping": (
        zips.zipped({"../../001.png": GOOD, "/etc/002.png": GOOD, "C:\\003.png": GOOD}),
        "../../001.png: leads out of the submission",
    ),
    "line-42 symbolic link": (
        zips.with_mode("001.png", b"/etc/passwd", 0o120777),
        "001.png: a symbolic link",
    ),
    "line-43 ratio": (zips.zipped({"001.png": bytes(80 << 20)}), "expected at most 100 times"),
    "line-44 overlap": (zips.overlap_bomb(3, bytes(1 << 20)), "001.png: overlaps 000.png"),
    "line-45 many members": (
        zips.assembled(b"PK\x03\x04", [zips.central(b"%d" % n, 0, 0, 0) for n in range(10_001)]),
        "more than 10,000 files and folders",
    ),
    "line-47 twins": (
        zips.zipped({"001.png": GOOD, "001.PNG": GOOD}),
        "001.PNG and 001.png: the same name but for case or Unicode form",
    ),
    "line-49 empty": (zips.zipped({}), "no files in it; expected images"),
}


def contents(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


@pytest.mark.parametrize("verb", ["score", "validate"])
@pytest.mark.parametrize(
    ("data", "words"), [pytest.param(*case, id=id_) for id_, case in ARCHIVES.items()]
)
def test_archives_not_to_be_trusted_are_refused(
    run_cli, small, tmp_path, monkeypatch, data, words, verb
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "here"))
    path = tmp_path / "server" / "team.zip"
    path.write_bytes(data)
    before = contents(tmp_path)

    outcome = run_cli(verb, path, *PLAIN, "--reference", small)

    assert outcome.code == 3
    told = outcome.out if verb == "validate" else outcome.err
    assert words in told and "server" not in told
    assert contents(tmp_path) == before


def damaged_member():
    """001.png does not unpack, 002.png is sound."""
    packed, crc = zips.raw_deflate(GOOD), zlib.crc32(GOOD)
    spoiled = packed[:100] + bytes([packed[100] ^ 0x55]) + packed[101:]
    first = zips.local(b"001.png", spoiled, len(GOOD), crc=crc)
    second = zips.local(b"002.png", packed, len(GOOD), crc=crc)
    entries = [
        zips.central(b"001.png", 0, len(packed), len(GOOD), crc=crc),
        zips.central(b"002.png", len(first), len(packed), len(GOOD), crc=crc),
    ]
    return zips.assembled(first + second, entries)


def lying_member():
    """The checksum of 001.png is another one in the directory."""
    at = WHOLE.index(b"PK\x01\x02") + 16
    return WHOLE[:at] + bytes(4) + WHOLE[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(damaged_member(), id="line-38 corrupt member"),
        pytest.param(lying_member(), id="line-39 checksum lies"),
    ],
)
def test_a_damaged_member_costs_itself_alone(run_cli, small, tmp_path, data):
    (tmp_path / "team.zip").write_bytes(data)
    outcome = score(run_cli, tmp_path / "team.zip", small, "--format", "json")
    whole = score(run_cli, sound(tmp_path), small, "--format", "json")
    assert (outcome.code, whole.code) == (1, 0)
    found, expected = Run.from_json(outcome.out), Run.from_json(whole.out)
    assert [item.file for item in found.rejected] == ["001.png"]
    assert found.rejected[0].reason.startswith("damaged inside the zip file: ")
    assert found.images == expected.images[1:]


def sound(folder):
    path = folder / "sound.zip"
    path.write_bytes(WHOLE)
    return path


@pytest.mark.parametrize(
    ("extra", "note"),
    [
        pytest.param({"inner.zip": WHOLE}, "inner.zip: passed over, an archive", id="line-46 zip"),
        pytest.param({"notes.md": b""}, "notes.md: passed over, not an image", id="line-34 others"),
        pytest.param({"__MACOSX/._001.png": b""}, "__MACOSX: passed over", id="line-48 litter"),
    ],
)
def test_what_harms_nobody_is_noted(run_cli, small, tmp_path, extra, note):
    path = tmp_path / "team.zip"
    path.write_bytes(zips.zipped({"team/001.png": GOOD, "team/002.png": GOOD, **extra}))
    outcome = score(run_cli, path, small)
    assert outcome.code == 0
    assert any(line.startswith(f"note: {note}") for line in outcome.err.splitlines())


NAMES = {
    "line-50 newline": "a_001\n.png",
    "line-50 escape codes": "a_001\x1b[2J.png",
    "line-50 4 kB": f"001{'x' * 4000}.png",
    "line-51 formula": "=cmd()_001.png",
    "line-51 script": "<script>_001.png",
}


@pytest.mark.parametrize("content", [GOOD, b""], ids=["scored", "rejected"])
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_cannot_break_a_report(run_cli, small, tmp_path, make_profile, name, content):
    path, profile = tmp_path / "team.zip", tmp_path / "profile.toml"
    path.write_bytes(zips.zipped({name: content, "002.png": GOOD}))
    profile.write_text(make_profile({"mse": 'metric = "mse"'}).text)
    files = ["--per-image", tmp_path / "rows.csv", "--format", "json"]
    outcome = run_cli("score", path, "--profile", profile, "--reference", small, *files)
    assert outcome.code == (0 if content else 1)
    record = json.loads(outcome.out)
    shown = [item["file"] for item in record["rejected"]]
    shown += [item["file"] for item in record["provenance"]["files"].values()]
    assert all(len(text) <= 120 and text.isprintable() for text in shown)
    rows = list(csv.reader(io.StringIO((tmp_path / "rows.csv").read_text("utf-8"))))
    assert [row[0] for row in rows[1:]] == (["001", "002"] if content else ["002", "001"])
    assert all(not cell.startswith("=") for row in rows for cell in row)
    assert all(line.isprintable() for line in outcome.err.splitlines())


def test_line_31_an_image_in_0_to_1_is_scored_with_a_warning(run_cli, small, tmp_path):
    team = {"001.png": png(photo() // 255), "002.png": GOOD}
    (tmp_path / "team.zip").write_bytes(zips.zipped(team))
    outcome = score(run_cli, tmp_path / "team.zip", small)
    assert outcome.code == 0
    assert "note: 001.png: no value is above 1; expected 0..255" in outcome.err.splitlines()


def test_line_33_a_missing_image_refuses_the_submission(run_cli, small, tmp_path):
    (tmp_path / "team.zip").write_bytes(zips.zipped({"002.png": GOOD}))
    outcome = score(run_cli, tmp_path / "team.zip", small, "-o", tmp_path / "run.json")
    assert (outcome.code, outcome.out) == (3, "")
    assert "  001: missing" in outcome.err.splitlines()
    assert not (tmp_path / "run.json").exists()
