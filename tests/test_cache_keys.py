from pathlib import Path

import pytest

from gpu_metrics import cache as module
from gpu_metrics.cache import fingerprint, row_key, rules_digest
from gpu_metrics.profiles import Images, load_profile, parse_profile, profile_names


@pytest.mark.parametrize("part", ["image", "reference", "rules", "fingerprint"])
def test_a_key_depends_on_every_part(part):
    parts = {"image": "a", "reference": "b", "rules": "c", "fingerprint": "d"}
    assert row_key(**parts) != row_key(**parts | {part: "e"})


def test_profiles_share_rows_only_where_they_measure_the_same():
    profiles = [load_profile(name) for name in profile_names()]
    of_images = [profile for profile in profiles if isinstance(profile.subject, Images)]
    digests = {profile.name: rules_digest(profile) for profile in of_images}
    assert digests["raindrop2025"] == digests.pop("raindrop2026")
    assert len({*digests.values()}) == len(digests)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("38 - 15", "39 - 15", True),
        ('title = "', 'title = "so-called ', True),
        ('person = "mask >= 128"', 'person = "mask >= 129"', False),
        ("pad = 8", "pad = 9", False),
        ("identical = 100", "identical = 99", False),
        ('"first-three-digits"', '"stem"', False),
    ],
)
def test_rules_are_what_moves_a_row(before, after, same):
    source = Path(module.__file__).parent / "profiles" / "raim2026-flash-portrait.toml"
    text = source.read_text("utf-8")
    assert before in text
    original = rules_digest(parse_profile(text, where="a"))
    changed = rules_digest(parse_profile(text.replace(before, after), where="b"))
    assert (original == changed) == same


def test_a_fingerprint_moves_with_device_weights_libraries_and_sources(monkeypatch):
    plain = fingerprint({"device": "cpu"}, {"alex": "1"})
    assert plain == fingerprint({"device": "cpu"}, {"alex": "1"})
    others = {
        fingerprint({"device": "NVIDIA H100"}, {"alex": "1"}),
        fingerprint({"device": "cpu"}, {"alex": "2"}),
        fingerprint({"device": "cpu"}, {}),
    }
    with monkeypatch.context() as changed:
        changed.setattr(module, "installed_version", lambda package: "1.2.3")
        others.add(fingerprint({"device": "cpu"}, {"alex": "1"}))
    with monkeypatch.context() as changed:
        changed.setattr(module, "_source_sha256", lambda: "edited")
        others.add(fingerprint({"device": "cpu"}, {"alex": "1"}))
    assert len(others - {plain}) == 5


def test_sources_cover_modules_and_kernels(monkeypatch):
    read = []
    walk = module._walk
    monkeypatch.setattr(module, "_walk", lambda folder: (read.append(p) or p for p in walk(folder)))
    assert len(module._source_sha256.__wrapped__()) == 64
    names = {path.name for path in read}
    assert {"engine.py", "cache.py", "delta_e.cu", "trunk.py", "launch.py"} <= names
