"""Many submissions on a Ray cluster of this machine, whose actors may be killed."""

import warnings

import pytest

from gpu_metrics.engine import Scorer
from gpu_metrics.errors import InputError, ReferenceSetError, SubmissionError
from gpu_metrics.executors import Plan, Task, score_many
from gpu_metrics.results import Run

ray = pytest.importorskip("ray")

from gpu_metrics.executors import cluster  # noqa: E402 - it needs ray

# ray opens files and sockets that it leaves to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def two_cores():
    """A cluster of two cores and little memory, which ends with the tests."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patched:
        warnings.simplefilter("ignore")
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=2,
            object_store_memory=80 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
        )
        yield
        ray.shutdown()


@pytest.fixture
def actors(monkeypatch):
    """The workers that were started."""
    started = []

    class Recorded(cluster.ClusterWorker):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            started.append(self)

    monkeypatch.setattr(cluster, "ClusterWorker", Recorded)
    return started


def digits(run):
    return run.images, run.rejected, run.means, run.scores


def test_killed_actors_and_refused_submissions_move_no_digit(
    gallery, pixel_profile, teams, actors, tmp_path
):
    scorer = Scorer(pixel_profile, gallery.reference, device="cpu")
    expected = {
        f"{team.name} {number}": digits(scorer.score(team)) for team in teams for number in range(2)
    }
    tasks = [Task(team, f"{team.name} {number}") for number in range(2) for team in teams]

    def feed():
        yield Task(tmp_path, "empty")
        for taken, task in enumerate(tasks, start=2):
            # four wait or are scored by now, so the last actor that was started is at work
            if taken in (5, 7):
                ray.kill(actors[-1]._actor)
            yield task

    images = []
    how = {"executor": "ray", "devices": ["cpu", "cpu"], "on_images": images.append}
    outcomes = score_many(Plan(pixel_profile, gallery.reference), feed(), **how)
    found = {outcome.task.name: outcome.result for outcome in outcomes}

    assert isinstance(found.pop("empty"), SubmissionError)
    assert {name: digits(run) for name, run in found.items()} == expected
    assert sum(images) == 6 * len(tasks)
    assert len(actors) > 2


def test_rescore_takes_the_whole_cluster(gallery, teams, run_cli, actors, tmp_path):
    arguments = ["--reference", gallery.reference, "--profile", "infrared-sr2026"]
    outcome = run_cli("rescore", *teams, *arguments, "-o", tmp_path, "--executor", "ray")
    assert (outcome.code, outcome.err) == (0, "")
    scorer = Scorer("infrared-sr2026", gallery.reference, device="cpu")
    for team in teams:
        assert digits(Run.load(tmp_path / f"{team.name}.json")) == digits(scorer.score(team))
    # of one machine without a GPU
    assert len(actors) == 1


def test_a_reference_at_fault_is_raised(pixel_profile, teams, tmp_path):
    plan = Plan(pixel_profile, tmp_path / "absent")
    with pytest.raises(ReferenceSetError, match="absent: expected a folder"):
        next(score_many(plan, teams, executor="ray", devices=["auto"]))


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (["cpu"] * 3, "devices: 3 workers need a CPU each; the cluster has 2"),
        (["cuda"], "devices: 1 workers need a GPU each; the cluster has 0"),
        (["cuda:1"], "devices: expected 'all', 'auto', 'cpu' or 'cuda' on Ray, got .'cuda:1'.$"),
    ],
)
def test_a_cluster_too_small_is_told(gallery, pixel_profile, teams, devices, message):
    plan = Plan(pixel_profile, gallery.reference)
    with pytest.raises(InputError, match=message):
        next(score_many(plan, teams, executor="ray", devices=devices))
