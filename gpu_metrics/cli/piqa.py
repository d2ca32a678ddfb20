"""`gpu-metrics piqa`: which image is better and why, scored, checked and compared."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import app, progress, say, verb
from gpu_metrics.errors import SOME_REJECTED, InputError
from gpu_metrics.profiles import load_profile

if TYPE_CHECKING:
    from gpu_metrics.piqa.endpoint import Endpoint

PROFILE = "raim2026-piqa-phase2"

group = typer.Typer(
    no_args_is_help=True, help="Score, check and compare answers on which image is better and why."
)
app.add_typer(group, name="piqa")

Submission = Annotated[
    Path, typer.Argument(help="File of JSON lines with id and response, or a zip file of them.")
]
Experts = Annotated[
    Path, typer.Option(help="File of JSON lines with id, category and solution: the experts'.")
]
ProfileName = Annotated[str, typer.Option(help="Name of a profile, or the path of a .toml file.")]


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"


class Weighting(StrEnum):
    """How kappa counts a disagreement."""

    none = "none"
    linear = "linear"
    quadratic = "quadratic"


@group.command()
@verb
def score(
    submission: Submission,
    reference: Experts,
    profile: ProfileName = PROFILE,
    swapped: Annotated[
        Path | None, typer.Option(help="Answers to the same pairs with the images exchanged.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the run record, as JSON.")
    ] = None,
    per_answer: Annotated[
        Path | None, typer.Option(help="Write one line per answer, as CSV.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            envvar="GPU_METRICS_JUDGE_URL",
            help="OpenAI-compatible endpoint, as http://localhost:8000/v1; its key is read from "
            "GPU_METRICS_JUDGE_KEY.",
        ),
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(envvar="GPU_METRICS_JUDGE_MODEL", help="The model's name there.")
    ] = None,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Prices per million tokens, of prompts and of completions."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="File in which verdicts are kept; in the user's cache by default."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions asked at once.")] = 8,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer.")] = 60,
    tries: Annotated[int, typer.Option(min=1, help="How often one question is asked.")] = 5,
    format: Annotated[Format, typer.Option(help="What stdout shows.")] = Format.table,
) -> None:
    """Score a file of answers."""
    rules = load_profile(profile)

    from gpu_metrics.cli import piqa_tables
    from gpu_metrics.piqa.scoring import AnswerScorer

    asked = rules.answers.judge is not None
    endpoint = _endpoint(judge, judge_model, prices, timeout, tries) if asked else None
    if judge is not None and not asked:
        say(f"note: {rules.name} has no judge, so none is asked")
    kept = (verdicts or _usual_verdicts()) if endpoint else ":memory:"
    scorer = AnswerScorer(
        rules, reference, endpoint=endpoint, verdicts=kept, concurrency=concurrency
    )
    with progress(f"judging {submission.name}") as on_progress:
        run = scorer.score(submission, swapped=swapped, on_progress=on_progress)
    if output is not None:
        run.save(output)
    if per_answer is not None:
        run.save_table(per_answer)
    if format is Format.json:
        typer.echo(run.to_json(), nl=False)
    else:
        piqa_tables.run(run, rules)
    for warning in run.warnings:
        say(f"note: {warning}")
    if run.status == "partial":
        say("the judge is not scored everywhere, so there is no score")
        raise typer.Exit(SOME_REJECTED)


@group.command()
@verb
def validate(
    submission: Submission,
    reference: Annotated[
        Path | None, typer.Option(help="The experts' answers; only their ids are looked at.")
    ] = None,
    ids: Annotated[Path | None, typer.Option(help="Text file: an id on each line.")] = None,
    profile: ProfileName = PROFILE,
) -> None:
    """Check that every pair is answered once, and say how each answer is read."""
    strict = load_profile(profile).answers.reading == "strict"

    from gpu_metrics.piqa.answers import read_answer
    from gpu_metrics.piqa.experts import load_experts, load_ids
    from gpu_metrics.piqa.scoring import reading_notes
    from gpu_metrics.piqa.submission import load_responses

    if reference is not None and ids is None:
        expected = [*load_experts(reference).experts]
    elif ids is not None and reference is None:
        expected = load_ids(ids)
    else:
        raise InputError("expected either --reference FILE or --ids FILE")
    responses = load_responses(submission, expected)
    answers = {i: read_answer(text, strict=strict) for i, text in responses.texts.items()}
    readable = sum(answer.choice is not None for answer in answers.values())
    exact = sum(not (answer.lenient or answer.unreadable) for answer in answers.values())
    typer.echo(f"{submission.name}: {readable} of {len(answers)} readable, {exact} as asked for")
    for note in [*responses.remarks, *reading_notes(answers)]:
        typer.echo(f"note: {note}")
    if readable < len(answers):
        raise typer.Exit(SOME_REJECTED)


@group.command()
@verb
def compare(
    run: Annotated[Path, typer.Argument(help="A run record.")],
    other: Annotated[Path | None, typer.Argument(help="Another team's, on the same pairs.")] = None,
    people: Annotated[
        Path | None, typer.Option(help="CSV with id and score: people's, on the judge's scale.")
    ] = None,
    weights: Annotated[
        Weighting, typer.Option(help="How kappa counts a disagreement.")
    ] = Weighting.quadratic,
) -> None:
    """Compare the choices of two runs, or a run's judge with people."""
    if other is None and people is None:
        raise InputError("expected another run record, or --people FILE")

    from gpu_metrics.cli import piqa_tables
    from gpu_metrics.piqa.comparison import compare_choices, compare_judge
    from gpu_metrics.results import Run

    first = Run.load(run)
    if other is not None:
        second = Run.load(other)
        piqa_tables.choices(first, second, compare_choices(first, second))
    if people is not None:
        piqa_tables.agreement(compare_judge(first, people, weights=weights.value))


def _endpoint(
    url: str | None,
    model: str | None,
    prices: tuple[float, float] | None,
    timeout: float,
    tries: int,
) -> "Endpoint | None":
    from gpu_metrics.piqa.endpoint import Endpoint

    if url is None:
        return None
    if model is None:
        raise InputError("--judge-model: expected the name of a model at the endpoint")
    key = os.environ.get("GPU_METRICS_JUDGE_KEY") or None
    return Endpoint(url, model, key=key, prices=prices, timeout=timeout, tries=tries)


def _usual_verdicts() -> Path:
    import platformdirs

    home = os.environ.get("GPU_METRICS_CACHE") or platformdirs.user_cache_path("gpu-metrics")
    return Path(home) / "verdicts.sqlite"
