import pickle

import pytest

from gpu_metrics.contests import (
    BoardInput,
    Constant,
    Gate,
    GivenInput,
    Invitation,
    JuryRules,
    Phase,
    Place,
    Rate,
    Share,
    contest_names,
    load_contest,
    parse_contest,
)
from gpu_metrics.errors import ProfileError

NAMES = contest_names()

TEXT = """
schema = 1
name = "small"
version = "1"
title = ""
source = ""
notes = ""
[invited]
phase = "phase2"
profile = "raindrop2026"
top = 3
[inputs]
quality = { phase = "phase3", profile = "raindrop2026", value = "total", pick = "last" }
runtime = { given = "seconds" }
[gates]
fast = "runtime < 2.5"
[across]
place = { of = "quality", as = "place", higher_is_better = true }
share = { of = "runtime", as = "share", equal = 0.5 }
[constants]
weight = { value = 0.3, low = 0, high = 1 }
[formula]
worst = "place * share"
total = "weight * quality - worst"
[ranking]
by = "total"
higher_is_better = true
digits = 2
[awards]
"first prize" = 1
"honorable mention" = 2
"""

JURY = """
[jury]
gives = "runtime"
score = "worst"
best = 3
scenes = 50
dimensions = ["light", "overall consistency"]
pooling = "ballots"
ties = "share"
unseen = "scaled"
"""


def small(text=TEXT):
    return parse_contest(text, where="small.toml")


def test_everything_is_read():
    contest = small()
    assert contest.invitation == Invitation(Phase("phase2", "raindrop2026"), 3)
    assert contest.inputs == {
        "quality": BoardInput(Phase("phase3", "raindrop2026", "last"), "total"),
        "runtime": GivenInput("seconds"),
    }
    assert contest.gates == (Gate("runtime", "<", 2.5),)
    assert contest.across == {"place": Place("quality", True), "share": Share("runtime", 0.5)}
    assert contest.constants == {"weight": Constant(0.3, 0.0, 1.0)}
    assert list(contest.formula) == ["worst", "total"]
    assert list(contest.columns) == ["quality", "runtime", "total"]
    assert contest.text == TEXT


def test_rules_of_a_jury_are_read():
    contest = small(TEXT + JURY)
    dimensions = ("light", "overall consistency")
    assert contest.jury == JuryRules(
        "runtime", "worst", 3, 50, dimensions, "ballots", "share", "scaled"
    )
    assert small().jury is None


def test_picks_may_be_taken_of_all_that_are_possible():
    text = TEXT.replace("equal = 0.5", 'endpoints = "possible"') + JURY
    assert small(text).across["share"] == Rate("runtime")


def test_the_portrait_track_has_a_jury_that_gives_its_uscore():
    jury = load_contest("raim2026-flash-portrait").jury
    assert (jury.gives, jury.score, jury.best, jury.scenes) == ("picks", "uscore", 3, 50)
    assert len(jury.dimensions) == 6


def test_awards_go_down_the_standing():
    contest = small()
    awards = [contest.award(place) for place in range(1, 6)]
    assert awards == ["first prize", *["honorable mention"] * 2, None, None]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[formula]", "[formulas]", "unknown key 'formulas'; expected .*did you mean 'formula'"),
        ('"total"\nhigher', '"totl"\nhigher', r"\[ranking\]: unknown by 'totl'"),
        ("top = 3", "top = 0", r"\[invited\]: top must be 1 or more, got 0"),
        ("top = 3", 'top = "3"', r"\[invited\]: top: expected a whole number, got '3'"),
        ('pick = "last"', 'pick = "first"', r"\[inputs\] quality: unknown pick 'first'"),
        ("runtime =", "scene =", r"\[inputs\]: 'scene' is taken"),
        ("runtime =", "min =", r"\[inputs\]: 'min' is a function"),
        ('{ given = "seconds" }', "{ given = 3 }", r"\[inputs\] runtime: given: expected a string"),
        ('{ given = "seconds" }', "3", r"\[inputs\] runtime: expected a table, got 3"),
        ("runtime < 2.5", "runtime = 2.5", r"\[gates\] fast: expected \"NAME >= NUMBER\", got"),
        ("runtime < 2.5", "runtme < 2.5", r"\[gates\] fast: unknown input 'runtme'"),
        ('of = "quality"', 'of = "total"', r"\[across\] place: unknown input 'total'"),
        ('as = "place"', 'as = "plaice"', r"\[across\] place: unknown as 'plaice'"),
        (", equal = 0.5", "", r"\[across\] share: missing key 'equal'"),
        ("low = 0,", "low = 0.4,", r"\[constants\] weight: expected low <= value <= high"),
        ("weight =", "share =", r"\[constants\]: 'share' is taken"),
        ("place * share", "place * shard", r"\[formula\] worst: unknown name 'shard'; available"),
        ('"first prize" = 1', '"first prize" = 0', r"\[awards\] first prize: expected 1 or more"),
        ("schema = 1", "schema = 2", "this release reads schema = 1, got 2"),
        ("[inputs]", "[inputs", "not readable as TOML"),
    ],
)
def test_refuses(old, new, message):
    assert old in TEXT
    with pytest.raises(ProfileError, match=f"^small.toml.*{message}"):
        small(TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('gives = "runtime"', 'gives = "quality"', "unknown gives 'quality'; expected one of run"),
        ('score = "worst"', 'score = "wort"', "unknown score 'wort'; .*did you mean 'worst'"),
        ("best = 3", "best = 0", "best must be 1 or more, got 0"),
        ("scenes = 50\n", "", "missing key 'scenes'"),
        ("scenes = 50", "scene = 50", "unknown key 'scene'; .*did you mean 'scenes'"),
        ('"light"', '" light"', "a dimension must match"),
        ('"light"', '"overall consistency"', "dimensions: 'overall consistency' comes twice"),
        ('"ballots"', '"ballot"', "unknown pooling 'ballot'; expected one of ballots, scenes"),
        ('"share"', '"shares"', "unknown ties 'shares'; expected one of share, all, none"),
        ('"scaled"', '"scale"', "unknown unseen 'scale'; expected one of scaled, ignored"),
    ],
)
def test_refuses_a_jury(old, new, message):
    assert old in JURY
    with pytest.raises(ProfileError, match=rf"^small.toml, \[jury\]: {message}"):
        small(TEXT + JURY.replace(old, new))


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ('"possibly"', "unknown endpoints 'possibly'; expected one of observed, possible"),
        ('"possible"', 'endpoints = "possible" is for what a .jury. gives'),
        ('"possible", equal = 0.5', "unknown key 'equal'"),
        ('"observed"', "missing key 'equal'"),
    ],
)
def test_refuses_endpoints(endpoints, message):
    with pytest.raises(ProfileError, match=rf"^small.toml, \[across\] share: {message}"):
        small(TEXT.replace("equal = 0.5", f"endpoints = {endpoints}"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value = 0.3", "value = 0.4"),
        ('pick = "last"', 'pick = "best"'),
        ("runtime < 2.5", "runtime < 2.6"),
        ("equal = 0.5", "equal = 0.6"),
        ("top = 3", "top = 4"),
        ('"first prize" = 1', '"first prize" = 2'),
        ("quality - worst", "quality + worst"),
    ],
)
def test_every_rule_moves_the_digest(old, new):
    assert old in TEXT
    assert small(TEXT.replace(old, new)).digest != small().digest


@pytest.mark.parametrize(
    ("old", "new"),
    [('title = ""', 'title = "x"'), ("low = 0,", "low = 0.1,"), ("quality - w", "quality  -  w")],
)
def test_wording_and_ranges_do_not(old, new):
    assert small(TEXT.replace(old, new)).digest == small().digest


def test_a_jury_and_its_endpoints_move_the_digest():
    jury = small(TEXT + JURY)
    possible = small(TEXT.replace("equal = 0.5", 'endpoints = "possible"') + JURY)
    observed = small(TEXT.replace("equal = 0.5", 'equal = 0.5, endpoints = "observed"') + JURY)
    majority = small(TEXT + JURY.replace('"ballots"', '"scenes"'))
    assert len({c.digest for c in (small(), jury, possible, majority)}) == 4
    assert observed.digest == jury.digest


def test_digests_of_contests_without_a_jury_stay():
    assert load_contest("efficient-sr2026").digest.startswith("24830cb4a3b0")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_contests_bear_their_file_names_and_load_from_paths(name, tmp_path):
    contest = load_contest(name)
    assert contest.name == name
    path = tmp_path / "copy.toml"
    path.write_text(contest.text, "utf-8")
    assert load_contest(path) == pickle.loads(pickle.dumps(contest)) == contest


def test_unknown_contests_are_told(tmp_path):
    with pytest.raises(ProfileError, match="unknown contest 'raim2026-fusoin'; available: .*mean"):
        load_contest("raim2026-fusoin")
    with pytest.raises(ProfileError, match="absent.toml: cannot be read"):
        load_contest(tmp_path / "absent.toml")
