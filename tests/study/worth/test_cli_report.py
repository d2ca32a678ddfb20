import csv
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from gpu_metrics.board.store import opened
from gpu_metrics.contests import load_contest
from gpu_metrics.profiles import load_profile
from gpu_metrics.study.ballots import Ballot
from gpu_metrics.study.manifest import BALLOTS, MANIFEST, Manifest
from gpu_metrics.study.store import BallotStore
from tests.board.conftest import make_run
from tests.engine.conftest import run_cli  # noqa: F401 - a fixture
from tests.study.toy import toy_study

TEAMS = ("north", "south", "east", "west", "up", "down")
KINDS = ("practice", *["vote"] * 6, "repeat")
PROFILE = load_profile("raindrop2026")


@pytest.fixture
def study(tmp_path):
    """A study under the real rules, of which one juror owes a ballot; north is liked best."""
    folder, contest = tmp_path / "study", load_contest("raim2026-flash-portrait")
    manifest, key = toy_study(folder, kinds=KINDS, teams=TEAMS, jurors=("Ada", "Ben"))
    rules = {"contest": contest.name, "digest": contest.digest}
    manifest = manifest.model_copy(update={"rules": manifest.rules.model_copy(update=rules)})
    manifest.save(folder / MANIFEST)
    key.save(tmp_path / "key.json")
    draw = np.random.default_rng(0)
    with BallotStore(folder / BALLOTS, manifest) as store:
        for seat, owner in manifest.seats.items():
            for showing in owner.showings[: -2 if seat == "juror-2" else None]:
                level = {t: -TEAMS.index(key.teams[t]) + draw.gumbel() for t in showing.order}
                picks = sorted(showing.order, key=level.__getitem__, reverse=True)[:3]
                ballot = Ballot(
                    screen=showing.screen,
                    picks=tuple(picks),
                    ordered=seat == "juror-1",
                    comment="<b>north</b>" if seat == "juror-2" else "",
                    seconds=20.0,
                )
                assert store.cast(seat, ballot)
    return [folder, "--key", tmp_path / "key.json", "--draws", 100]


def test_a_report_is_written_and_summed_up(run_cli, study, tmp_path):  # noqa: F811
    page, document, tables = tmp_path / "r.html", tmp_path / "r.json", tmp_path / "tables"
    outcome = run_cli("study", "report", *study, "-o", page, "--json", document, "--csv", tables)
    assert outcome.code == 0, outcome.err
    assert "north" in outcome.out and "interval" in outcome.out
    # numbers and dashes are no formulas
    assert "'" not in outcome.out
    assert "look: juror-2 has 1 ballot still to cast" in outcome.err
    assert "11 ballots of 2 jurors on 6 scenes" in outcome.err
    found = json.loads(document.read_text())
    assert [c["juror"] for c in found["consistency"]] == ["juror-1"]
    assert {c["juror"] for c in found["comments"]} == {"juror-2"}
    assert found["correlations"] is None and found["draws"] == 100
    assert "<b>north" not in page.read_text() and "&lt;b&gt;north" in page.read_text()
    with (tables / "teams.csv").open() as file:
        assert {row["team"] for row in csv.DictReader(file)} == {*TEAMS}
    assert not (tables / "metrics.csv").exists()


def test_jurors_are_named_only_where_asked(run_cli, study, tmp_path):  # noqa: F811
    page = tmp_path / "r.html"
    assert run_cli("study", "report", *study, "-o", page).code == 0
    assert "juror-1" in page.read_text() and "Ada" not in page.read_text()
    outcome = run_cli("study", "report", *study, "-o", page, "--names")
    assert "Ada" in page.read_text() and "juror-1" not in page.read_text()
    assert "Ben has 1 ballot still to cast" in outcome.err


def test_the_seed_repeats_the_report(run_cli, study, tmp_path):  # noqa: F811
    def text(seed):
        run_cli("study", "report", *study, "-o", tmp_path / "r.html", "--seed", seed)
        return (tmp_path / "r.html").read_text()

    assert text(1) == text(1) != text(2)


def runs():
    return {team: make_run(35 - i, images=8) for i, team in enumerate(TEAMS[:4])}


def test_metrics_come_from_a_board_or_from_records(run_cli, study, tmp_path):  # noqa: F811
    records = []
    with opened(tmp_path / "b.sqlite", create=True) as board:
        for team, run in runs().items():
            at = datetime(2026, 3, 1, tzinfo=UTC)
            board.add(run, PROFILE, team=team, phase="phase3", at=at)
            run.save(tmp_path / f"{team}.json")
            records += ["--runs", f"{team}={tmp_path / team}.json"]
    found = []
    for given in (["--db", tmp_path / "b.sqlite", "--phase", "phase3"], records):
        where = ["-o", tmp_path / "r.html", "--json", tmp_path / "r.json"]
        outcome = run_cli("study", "report", *study, *where, *given)
        assert outcome.code == 0, outcome.err
        assert "look: up has no metrics" in outcome.err
        found.append(json.loads((tmp_path / "r.json").read_text())["correlations"])
    assert found[0] == found[1]
    psnr = next(m for m in found[0]["metrics"] if m["name"] == "psnr_y")
    assert psnr["teams"] == 4 and psnr["spearman"]["value"] > 0 and psnr["scenes"] == 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--db", "b.sqlite"], "--db: expected --phase with it"),
        (["--runs", "north"], "--runs: expected TEAM=RUN.json"),
        (["--runs", "north=absent.json"], "absent.json: cannot be read"),
        (["--contest", "raim2026-fusion"], "has no [jury]"),
    ],
)
def test_what_does_not_fit_is_refused(run_cli, study, tmp_path, given, said):  # noqa: F811
    outcome = run_cli("study", "report", *study, "-o", tmp_path / "r.html", *given)
    assert outcome.code == 2 and said in outcome.err
    assert not (tmp_path / "r.html").exists()


def test_a_study_without_ballots_has_no_report(run_cli, study, tmp_path):  # noqa: F811
    (study[0] / BALLOTS).unlink()
    outcome = run_cli("study", "report", *study, "-o", tmp_path / "r.html")
    assert outcome.code == 2 and "no ballot has been cast" in outcome.err


def test_other_rules_count_only_where_they_are_asked_for(run_cli, study, tmp_path):  # noqa: F811
    changed = tmp_path / "changed.toml"
    text = load_contest("raim2026-flash-portrait").text
    changed.write_text(text.replace("value = 90", "value = 95"))
    outcome = run_cli("study", "report", *study, "-o", tmp_path / "r.html", "--contest", changed)
    assert outcome.code == 0 and "not the rules that the study was made under" in outcome.err
    manifest = Manifest.load(study[0] / MANIFEST)
    rules = manifest.rules.model_copy(update={"digest": "0" * 64})
    manifest.model_copy(update={"rules": rules}).save(study[0] / MANIFEST)
    outcome = run_cli("study", "report", *study, "-o", tmp_path / "r.html")
    assert outcome.code == 2 and "give these with --contest FILE" in outcome.err
