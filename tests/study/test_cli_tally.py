import json

import pytest

from gpu_metrics.contests import load_contest
from gpu_metrics.study.manifest import BALLOTS, MANIFEST, Manifest, Rules, sha256
from gpu_metrics.study.store import BallotStore
from gpu_metrics.study.tally import contest_of
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.study.test_tally import KINDS, PICKS, cast
from tests.study.toy import toy_study

CONTEST = load_contest("raim2026-flash-portrait")


@pytest.fixture
def host(tmp_path):
    """A study under the rules of the portrait track, its key, and a function that casts ballots."""
    manifest, key = toy_study(tmp_path / "study", kinds=KINDS, ties={"Ben": ["north"]})
    rules = Rules(
        contest=CONTEST.name, digest=CONTEST.digest, best=3, dimensions=CONTEST.jury.dimensions
    )
    manifest = manifest.model_copy(update={"rules": rules, "key_sha256": sha256(key.to_json())})
    manifest.save(tmp_path / "study" / MANIFEST)
    key.save(tmp_path / "key.json")

    def vote(picks=PICKS):
        with BallotStore(tmp_path / "study" / BALLOTS, manifest) as store:
            for item in cast(manifest, key, picks):
                store.cast(item.juror, item.ballot)
        return tmp_path

    return vote


def asked(folder, *more):
    return "study", "tally", folder / "study", "--key", folder / "key.json", *more


def test_a_study_is_counted_and_goes_to_the_final(run_cli, host):  # noqa: F811
    folder = host()
    outcome = run_cli(*asked(folder, "--draws", 300, "-o", folder / "votes.csv"))
    assert outcome.code == 0
    assert outcome.err.startswith("note: with 2 jurors, intervals may cover less than they say")
    head = f"{CONTEST.name} {CONTEST.version} ({CONTEST.digest[:12]}): A toy study"
    assert head in outcome.out
    rows = [line.split() for line in outcome.out.splitlines()]
    assert next(row for row in rows if row[:1] == ["north"])[:6] == [
        "north", "3", "3", "1.000", "6", "90.00",
    ]  # fmt: skip
    assert next(row for row in rows if row[:1] == ["east"])[5] == "88.33"

    numbers = folder / "objective.csv"
    teams = ["north", "east", "south", "west", "up", "down"]
    numbers.write_text("team,objective\n" + "".join(f"{t},{80 + len(t)}\n" for t in teams))
    given = ["--given", folder / "votes.csv", "--given", numbers]
    final = run_cli("final", CONTEST.name, *given, "--draws", 300, "--format", "json")
    assert (final.code, final.err) == (0, outcome.err)
    finalists = {f["team"]: f["values"] for f in json.loads(final.out)["finalists"]}
    assert finalists["north"]["total"] == pytest.approx(0.7 * 85 + 0.3 * 90, rel=1e-14)
    assert finalists["east"]["total"] == pytest.approx(0.7 * 84 + 0.3 * (80 + 50 / 6), rel=1e-14)


def test_programs_read_all_digits(run_cli, host):  # noqa: F811
    outcome = run_cli(*asked(host(), "--draws", 200, "--format", "json"))
    document = json.loads(outcome.out)
    assert document["contest"]["digest"] == CONTEST.digest
    assert (document["jurors"], document["scenes"], document["ballots"]) == (2, 3, 6)
    first = document["teams"][0]
    assert (first["team"], first["picks"], first["score"], first["share"]) == ("north", 6, 90, 1)
    assert first["score_interval"][0] <= 90 <= first["score_interval"][1]


def test_the_seed_repeats_the_draws(run_cli, host):  # noqa: F811
    folder = host()

    def shown(seed):
        return run_cli(*asked(folder, "--draws", 15, "--seed", seed, "--format", "csv")).out

    assert shown(1) == shown(1) != shown(2)
    bare = run_cli(*asked(folder, "--draws", 0, "--format", "csv")).out
    assert bare.splitlines()[0] == "team,picked,of,share,picks,UScore"


def test_what_is_missing_is_told(run_cli, host):  # noqa: F811
    some = {at: teams for at, teams in PICKS.items() if at != ("juror-2", "003")}
    outcome = run_cli(*asked(host(some), "--draws", 0))
    assert (outcome.code, outcome.err) == (0, "note: juror-2 has 1 ballot still to cast\n")


def test_jurors_are_named_where_asked(run_cli, host):  # noqa: F811
    folder = host()
    for option, juror in ((), "juror-2"), (("--names",), "Ben"):
        run_cli(*asked(folder, "--draws", 0, "-o", folder / "votes.csv", *option))
        assert f"001,{juror},south,1\n" in (folder / "votes.csv").read_text("utf-8")


def test_other_rules_are_taken_where_they_are_named(run_cli, host):  # noqa: F811
    folder = host()
    other = folder / "other.toml"
    other.write_text(CONTEST.text.replace('"ballots"', '"scenes"'), "utf-8")
    outcome = run_cli(*asked(folder, "--contest", other, "--draws", 0, "--format", "csv"))
    assert outcome.code == 0
    assert "not the rules that the study was made under" in outcome.err
    assert "north,3,3,1.000,3,90.00" in outcome.out


def test_rules_that_changed_are_refused(run_cli, host):  # noqa: F811
    folder = host()
    manifest = (folder / "study" / MANIFEST).read_text("utf-8")
    (folder / "study" / MANIFEST).write_text(manifest.replace(CONTEST.digest, "0" * 64), "utf-8")
    outcome = run_cli(*asked(folder))
    assert (outcome.code, outcome.out) == (2, "")
    assert "not the rules that the study was made under" in outcome.err
    assert "give these with --contest FILE" in outcome.err


def test_a_contest_from_a_file_is_asked_for(run_cli, host):  # noqa: F811
    folder = host()
    own = folder / "own.toml"
    own.write_text(CONTEST.text.replace(f'name = "{CONTEST.name}"', 'name = "own"'), "utf-8")
    manifest = Manifest.load(folder / "study" / MANIFEST)
    rules = manifest.rules.model_copy(update={"contest": "own"})
    manifest.model_copy(update={"rules": rules}).save(folder / "study" / MANIFEST)
    outcome = run_cli(*asked(folder))
    assert (outcome.code, outcome.out) == (2, "")
    assert "own: no contest of this name comes with the package; give the file" in outcome.err
    assert contest_of(rules, own).name == "own"


def test_wrong_use_is_told(run_cli, host):  # noqa: F811
    folder = host({})
    outcome = run_cli(*asked(folder))
    assert (outcome.code, outcome.out) == (2, "")
    assert "ballots: none that counts" in outcome.err
    (folder / "study" / BALLOTS).unlink()
    outcome = run_cli(*asked(folder))
    assert (outcome.code, "no ballot has been cast" in outcome.err) == (2, True)
    assert not (folder / "study" / BALLOTS).exists()
    assert run_cli("study", "tally", folder, "--key", folder / "key.json").code == 2
