"""A set of 20 pairs with a model's answers, a judge that misbehaves on demand, the command line."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpu_metrics.cli import main
from gpu_metrics.piqa.endpoint import Endpoint
from gpu_metrics.piqa.judge import Judgement, Reasons, judge
from gpu_metrics.piqa.verdicts import Verdicts
from gpu_metrics.profiles import load_profile
from tests.piqa.stand_in import StandIn

SAMPLE = Path(__file__).parent / "sample"

RULES = load_profile("raim2026-piqa-phase3").answers.judge
PAIRS = {f"p_{n}": Reasons(f"word{n} noise {'hair ' * n}", "noise hair sky") for n in range(4)}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def experts() -> Path:
    """Experts' answers to 15 pairs of persons and 5 of scenes."""
    return SAMPLE / "experts.jsonl"


@pytest.fixture(scope="session")
def answers() -> Path:
    """A model's answers to them, in many forms; 15 are right, two hold no choice."""
    return SAMPLE / "answers.jsonl"


@pytest.fixture(scope="session")
def responses(answers: Path) -> dict[str, str]:
    """The same answers by id."""
    lines = map(json.loads, answers.read_text("utf-8").splitlines())
    return {line["id"]: line["response"] for line in lines}


@pytest.fixture
def copied(answers: Path, tmp_path: Path) -> Path:
    """A copy of the answers that a test may change."""
    return Path(shutil.copy(answers, tmp_path))


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A local endpoint that speaks the protocol."""
    with StandIn() as server:
        yield server


@pytest.fixture
def ask(stand_in: StandIn) -> Callable[..., Judgement]:
    """Judge reasons by the stand-in, with little patience."""

    def asked(pairs=PAIRS, *, verdicts=":memory:", concurrency=4, rules=RULES, **given):
        # honest answers have time enough on the busiest machine
        patience = {"timeout": 10.0, "tries": 3, "pause": 0.01, "longest_pause": 0.1}
        endpoint = Endpoint(stand_in.url, "judge-1", **patience | given)
        with Verdicts(verdicts) as kept:
            return judge(pairs, rules, endpoint, verdicts=kept, concurrency=concurrency)

    return asked


@pytest.fixture
def run_cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Outcome]:
    """Run the command line in this process, with nothing of the user's around it."""
    for variable in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"GPU_METRICS_JUDGE_{variable}", raising=False)
    monkeypatch.setenv("GPU_METRICS_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["gpu-metrics", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, written.out, written.err)

    return run
