"""What moves the digest of a profile, and what does not."""

import dataclasses

import pytest

from gpu_metrics.catalog import METRICS, Option
from tests.small_profile import GOOD, changed, parse

WORDING = [
    ('title = "A small profile"', 'title = "Else"'),
    ('source = "nowhere"', 'source = "here"'),
    ('notes = "none"', 'notes = "Some."'),
    ("psnr_person = 30", "psnr_person = 31"),
    ('[".png", ".jpg"]', '[".jpg", ".png"]'),
    ("identical = 90", "identical = 90.0"),
    ("identical = 90", 'color = "rgb", identical = 90, border = 0'),
    ('metric = "mse", pool = "pixels"', 'pool = "pixels", metric = "mse", region = "image"'),
    ('"mask >= 128"', '"mask>=128"'),
    ('"1 - lpips_person"', '" 1-lpips_person"'),
    ('skip = "mask"', 'skip = "Mask"'),
    ('by = "total"\nhigher_is_better = true', 'higher_is_better = true\nby = "total"'),
]


@pytest.mark.parametrize(("old", "new"), WORDING, ids=[new for _, new in WORDING])
def test_digest_ignores_wording_and_order(old, new):
    assert parse(changed(old, new)).digest == parse(GOOD).digest


SETTINGS = '[outputs]\nScore = "total"\n[verify]\nimages = 0.5\n'


def test_digest_ignores_what_moves_no_score():
    assert parse(GOOD + SETTINGS).digest == parse(GOOD).digest


def test_digest_ignores_the_order_of_tables():
    start, end = GOOD.index("[images]"), GOOD.index("[regions]")
    assert parse(GOOD[:start] + GOOD[end:] + GOOD[start:end]).digest == parse(GOOD).digest


RULES = [
    ('name = "small"', 'name = "other"'),
    ('version = "1"', 'version = "1.1"'),
    ('"stem"', '"manifest"'),
    ('[".png", ".jpg"]', '[".png"]'),
    ('skip = "mask"\n', ""),
    ('"official"', '"strict"'),
    ("128", "129"),
    ("mask >= ", "mask < "),
    ('metric = "mse", pool = "pixels"', 'metric = "mse"'),
    ('metric = "mse", pool = "pixels"', 'metric = "mse", pool = "pixels", color = "y"'),
    ('metric = "mse", pool = "pixels"', 'metric = "psnr", pool = "pixels"'),
    ('"psnr", region = "person"', '"psnr"'),
    ("identical = 90", "identical = 91"),
    ("identical = 90", "identical = 90, border = 4"),
    ("pad = 4", "pad = 5"),
    ('mode = "box", pad = 4', 'mode = "map"'),
    ("** 2", "** 3"),
    ("1 - lpips_person", "2 - lpips_person"),
    ('total = "grade', 'extra = "grade"\ntotal = "grade'),
    ('by = "total"', 'by = "fine"'),
    ("higher_is_better = true", "higher_is_better = false"),
    ("digits = 3", "digits = 2"),
]


def test_digest_moves_with_every_rule():
    digests = [parse(changed(old, new)).digest for old, new in RULES]
    assert len({parse(GOOD).digest, *digests}) == len(RULES) + 1


def test_decoding_is_official_where_a_profile_says_nothing_of_it():
    silent = parse(changed('decoding = "official"\n', ""))
    assert (silent.images.decoding, silent.digest) == ("official", parse(GOOD).digest)


def test_digest_stays_when_a_metric_gains_an_option(monkeypatch):
    digest = parse(GOOD).digest
    gained = {**METRICS["mse"].options, "gamma": Option(1.0)}
    monkeypatch.setitem(METRICS, "mse", dataclasses.replace(METRICS["mse"], options=gained))
    assert parse(GOOD).measures["error"].options["gamma"] == 1.0
    assert parse(GOOD).digest == digest
