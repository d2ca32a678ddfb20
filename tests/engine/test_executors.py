"""Many submissions through one reference set, wherever they are scored."""

import shutil
from dataclasses import replace

import pytest

from gpu_metrics.collecting import Work
from gpu_metrics.engine import Scorer
from gpu_metrics.errors import (
    CacheError,
    DeviceError,
    EngineError,
    InputError,
    ReferenceSetError,
    SubmissionError,
    WeightsError,
)
from gpu_metrics.executors import Plan, Task, score_many

LOCAL = {"executor": "local", "devices": ["cpu"]}
PROCESSES = {"executor": "processes", "devices": ["cpu", "cpu"]}


@pytest.fixture
def plan(gallery, pixel_profile):
    return Plan(pixel_profile, gallery.reference)


@pytest.fixture(scope="module")
def expected(teams, gallery, pixel_profile):
    """What each submission scores by itself."""
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    return {team.name: digits(scorer.score(team)) for team in teams}


def digits(run):
    return run.images, run.rejected, run.means, run.scores


def results(outcomes):
    return {outcome.task.name: outcome.result for outcome in outcomes}


def scored(outcomes):
    return {name: digits(run) for name, run in results(outcomes).items()}


@pytest.mark.parametrize("how", [LOCAL, PROCESSES], ids=["local", "processes"])
def test_digits_depend_on_no_executor_and_no_order(plan, teams, expected, how, tmp_path):
    broken = shutil.copytree(teams[0], tmp_path / "broken")
    (broken / "003.png").unlink()
    images = []
    outcomes = score_many(plan, [broken, *reversed(teams)], **how, on_images=images.append)
    found = results(outcomes)
    refused = found.pop("broken")
    assert isinstance(refused, SubmissionError)
    assert refused.problems == ("003: missing",)
    assert {name: digits(run) for name, run in found.items()} == expected
    assert sum(images) == 6 * len(teams)


@pytest.mark.parametrize("how", [LOCAL, PROCESSES], ids=["local", "processes"])
def test_image_by_image_has_the_same_digits(gallery, pixel_profile, teams, expected, how, tmp_path):
    broken = shutil.copytree(teams[0], tmp_path / "broken")
    (broken / "003.png").unlink()
    partial = shutil.copytree(teams[1], tmp_path / "partial")
    (partial / "001.png").write_bytes(b"no image")
    plan = Plan(pixel_profile, gallery.reference, order="images")
    images = []
    outcomes = score_many(plan, [broken, partial, *teams], **how, on_images=images.append)
    found = results(outcomes)
    assert isinstance(found.pop("broken"), SubmissionError)
    assert [item.id for item in found["partial"].rejected] == ["001"]
    assert found.pop("partial").images == expected["team1"][0][1:]
    assert {name: digits(run) for name, run in found.items()} == expected
    assert sum(images) == 6 * (len(teams) + 1)


def test_image_by_image_is_the_order_of_work(gallery, pixel_profile, teams, monkeypatch):
    seen = []
    take = Work.take

    def told(self, result, row):
        seen.append((result.origin.target.id, self.name))
        return take(self, result, row)

    monkeypatch.setattr(Work, "take", told)
    list(score_many(Plan(pixel_profile, gallery.reference, order="images"), teams, **LOCAL))
    assert seen == sorted(seen) and len(seen) == 6 * len(teams)


@pytest.mark.parametrize(("keep", "together"), [(None, 1), (0.0, 32)])
@pytest.mark.weights
def test_auto_goes_by_image_where_the_reference_does_not_fit(
    gallery, trunk_weights, keep, together
):
    trunk_weights("alex")
    plan = Plan("raim2026-flash-portrait", gallery.reference, keep_gigabytes=keep)
    assert plan.together(plan.scorer("cpu")) == together


@pytest.mark.parametrize("error", [EngineError("out of order"), TypeError("a bug")])
def test_one_that_fails_among_many_costs_no_other(
    gallery, pixel_profile, teams, expected, monkeypatch, error
):
    fail(monkeypatch, "team1", error)
    plan = Plan(pixel_profile, gallery.reference, order="images")
    found = results(score_many(plan, teams, **LOCAL))
    assert str(error) in str(found.pop("team1"))
    assert len(found) == 3
    assert {name: digits(run) for name, run in found.items()}.items() <= expected.items()


def test_an_unknown_order_is_named(gallery, pixel_profile, teams):
    plan = Plan(pixel_profile, gallery.reference, order="auto")
    with pytest.raises(InputError, match="order: expected auto, submissions, images, got 'pixels'"):
        next(score_many(replace(plan, order="pixels"), teams, **LOCAL))


@pytest.mark.weights
def test_lpips_keeps_its_bits_in_any_executor(gallery, teams, trunk_weights):
    trunk_weights("alex")
    scorer = Scorer("raim2026-flash-portrait", gallery.reference, device="cpu")
    alone = {team.name: digits(scorer.score(team)) for team in teams[:2]}
    plan = Plan("raim2026-flash-portrait", gallery.reference)
    assert scored(score_many(plan, teams[:2], **LOCAL)) == alone
    assert scored(score_many(plan, teams[:2], **PROCESSES)) == alone
    by_image = Plan(
        "raim2026-flash-portrait", gallery.reference, keep_gigabytes=0.0, order="images"
    )
    assert scored(score_many(by_image, teams[:2], **LOCAL)) == alone


def test_number_and_names_do_not_matter(plan, teams, expected):
    tasks = [Task(team, f"{team.name} {copy}") for copy in range(3) for team in teams]
    found = scored(score_many(plan, tasks, **LOCAL))
    assert found == {task.name: expected[task.submission.name] for task in tasks}
    assert scored(score_many(plan, [], **LOCAL)) == {}


def test_submissions_are_taken_as_they_are_needed(plan, teams):
    taken = []

    def endless():
        while True:
            taken.append(teams[len(taken) % len(teams)])
            yield taken[-1]

    outcomes = score_many(plan, endless(), **LOCAL)
    for _ in range(3):
        next(outcomes)
    outcomes.close()
    assert len(taken) <= 8


def test_a_cache_is_shared_and_never_serves_what_changed(
    gallery, pixel_profile, teams, expected, tmp_path
):
    plan = Plan(pixel_profile, gallery.reference, cache=tmp_path / "cache")
    first = results(score_many(plan, teams, **PROCESSES))
    again = results(score_many(plan, teams, **LOCAL))
    for runs, cached in ((first, 0), (again, 6)):
        assert {name: digits(run) for name, run in runs.items()} == expected
        assert {run.provenance["cached"] for run in runs.values()} == {cached}

    changed = shutil.copytree(teams[0], tmp_path / "changed")
    shutil.copy(teams[1] / "005.png", changed / "005.png")
    run = results(score_many(plan, [changed], **LOCAL))["changed"]
    rows = {name: {row.id: row for row in expected[name][0]} for name in expected}
    assert {row.id: row for row in run.images} == rows["team0"] | {"005": rows["team1"]["005"]}


@pytest.mark.parametrize("how", [LOCAL, PROCESSES], ids=["local", "processes"])
def test_a_reference_at_fault_is_raised(pixel_profile, teams, how, tmp_path):
    with pytest.raises(ReferenceSetError, match="absent: expected ") as caught:
        next(score_many(Plan(pixel_profile, tmp_path / "absent"), teams, **how))
    assert caught.value.summary


def test_weights_and_rows_at_fault_are_raised(gallery, teams, tmp_path):
    official = Plan("raim2026-flash-portrait", gallery.reference, weights=tmp_path)
    with pytest.raises(WeightsError, match="expected a .pth or .safetensors"):
        next(score_many(official, teams, **LOCAL))
    (tmp_path / "rows.sqlite").write_text("no cache")
    cached = Plan("infrared-sr2026", gallery.reference, cache=tmp_path)
    with pytest.raises(CacheError, match="damaged, or no cache of rows"):
        next(score_many(cached, teams, **LOCAL))


def test_a_bug_costs_its_submission_alone(plan, teams, expected, monkeypatch):
    fail(monkeypatch, "team1", TypeError("nobody thought of this"))
    found = results(score_many(plan, teams, **LOCAL))
    assert str(found.pop("team1")) == (
        "team1: given up after 2 attempts: TypeError: nobody thought of this"
    )
    assert {name: digits(run) for name, run in found.items()}.items() <= expected.items()
    assert len(found) == 3


@pytest.mark.parametrize("kind", [DeviceError, CacheError])
def test_what_would_befall_all_others_ends_the_work(plan, teams, monkeypatch, kind):
    fail(monkeypatch, "team1", kind("out of order"))
    outcomes = score_many(plan, [teams[1], *teams], **LOCAL)
    with pytest.raises(kind, match="out of order"):
        list(outcomes)


def fail(monkeypatch, name, error):
    """Let the submission of that name raise an error."""
    score = Scorer.score_together

    def faulty(self, submissions, *progress):
        if name in dict(submissions):
            raise error
        return score(self, submissions, *progress)

    monkeypatch.setattr(Scorer, "score_together", faulty)


@pytest.mark.parametrize(
    ("executor", "devices", "message"),
    [
        ("threads", ["cpu"], "executor: expected local, processes, ray, got 'threads'"),
        ("local", ["cpu", "cpu"], "devices: expected one for each worker of 'local', got .*"),
        ("processes", [], "devices: expected one for each worker of 'processes', got .*"),
    ],
)
def test_executors_and_devices_must_fit(plan, teams, executor, devices, message):
    with pytest.raises(InputError, match=message):
        next(score_many(plan, teams, executor=executor, devices=devices))
