"""`gpu-metrics codabench`: write a competition, score as its program, try it out at home."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpu_metrics.cli.app import app, say, verb
from gpu_metrics.cli.score import DEFAULT_PROFILE
from gpu_metrics.errors import SOME_REJECTED, InputError
from gpu_metrics.page import number
from gpu_metrics.pairing import reference_folders
from gpu_metrics.profiles import Profile, load_profile

if TYPE_CHECKING:
    from gpu_metrics.platforms.codabench.competition import Phase

group = typer.Typer(
    no_args_is_help=True, help="Write a Codabench competition, score as its program, try it out."
)
app.add_typer(group, name="codabench")

Rules = Annotated[str, typer.Option(help="Name of a profile, or the path of a .toml file.")]
Reference = Annotated[
    Path | None, typer.Option(help="Folder with gt/ (or ref/) and mask/ (or mask_personmask/).")
]
DockerImage = Annotated[
    str, typer.Option(help="Docker image with gpu-metrics, where workers find it.")
]


class OnError(StrEnum):
    """What becomes of a submission that cannot be scored."""

    fail = "fail"
    zero = "zero"


@group.command()
@verb
def bundle(
    docker_image: DockerImage,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder or .zip file to write.")
    ] = Path("bundle.zip"),
    profile: Rules = DEFAULT_PROFILE,
    reference: Reference = None,
    title: Annotated[str, typer.Option(help="The profile's by default.")] = "",
    description: Annotated[str, typer.Option(help="A sentence under the title.")] = "",
    phase: Annotated[
        list[str] | None,
        typer.Option(help="NAME,START,END in UTC, as 'Test,2026-03-05,2026-03-12 12:00'."),
    ] = None,
    page: Annotated[
        list[str] | None,
        typer.Option(help="TITLE=FILE in Markdown: Overview, Evaluation, Terms, or a new one."),
    ] = None,
    logo: Annotated[Path | None, typer.Option(help="PNG or JPEG; one is drawn by default.")] = None,
    queue: Annotated[str | None, typer.Option(help="Vhost of a queue of your own.")] = None,
    limit: Annotated[int, typer.Option(help="Seconds that a submission may take.")] = 600,
    per_day: Annotated[int, typer.Option(min=1, help="Submissions a day of one person.")] = 5,
    per_person: Annotated[int, typer.Option(min=1, help="In all, in one phase.")] = 100,
    on_error: Annotated[
        OnError, typer.Option(help="What becomes of submissions that cannot be scored.")
    ] = OnError.fail,
    weights: Annotated[
        bool, typer.Option(help="Put the networks' weights into the scoring program.")
    ] = True,
) -> None:
    """Write everything that Codabench makes a competition from."""
    rules = load_profile(profile)

    from gpu_metrics.platforms.codabench.bundle import write_bundle
    from gpu_metrics.platforms.codabench.competition import Competition

    competition = Competition(
        title=title or rules.title,
        docker_image=docker_image,
        phases=[_phase(text) for text in phase or [f"Evaluation,{datetime.now(UTC):%Y-%m-%d}"]],
        description=description,
        queue=queue,
        limit=limit,
        per_day=per_day,
        per_person=per_person,
        on_error=on_error.value,
    )
    write_bundle(
        output,
        competition,
        rules,
        reference=None if reference is None else reference_folders(reference),
        weights=_weights(rules) if weights else {},
        texts=dict(_page(text) for text in page or []),
        picture=logo,
    )
    say(f"{output}: {competition.title}")
    if reference is None:
        say("note: without --reference; upload the data as a data set and choose it in the editor")


@group.command()
@verb
def score(
    input_: Annotated[Path, typer.Argument(metavar="INPUT", help="Holds ref/ and res/.")],
    output: Annotated[Path, typer.Argument(help="Gets scores.json and detailed_results.html.")],
    profile: Rules = DEFAULT_PROFILE,
    on_error: Annotated[
        OnError, typer.Option(help="What becomes of submissions that cannot be scored.")
    ] = OnError.fail,
    seconds: Annotated[float | None, typer.Option(help="Give up after so long, saying so.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="File or folder with the LPIPS weights.")
    ] = None,
) -> None:
    """Score INPUT/res against INPUT/ref, as the scoring program of a competition does."""
    rules = load_profile(profile)

    from gpu_metrics.platforms.codabench.scoring import run_program

    code = run_program(
        input_,
        output,
        rules,
        on_error=on_error.value,
        seconds=seconds,
        device=device,
        weights=weights,
    )
    raise typer.Exit(code)


@group.command()
@verb
def run(
    submission: Annotated[Path, typer.Argument(help="Zip file, as a participant uploads it.")],
    bundle: Annotated[Path | None, typer.Option(help="Folder or zip file of the bundle.")] = None,
    reference: Reference = None,
    profile: Rules = DEFAULT_PROFILE,
    phase: Annotated[int, typer.Option(min=0, help="Index of the phase.")] = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Gets what the program writes.")
    ] = Path("codabench-output"),
) -> None:
    """Score a submission as Codabench's worker would; exits with 1 where it would fail."""
    if (bundle is None) == (reference is None):
        raise InputError("expected either --bundle, or --reference with --profile")

    from tempfile import TemporaryDirectory

    from gpu_metrics.cli import render
    from gpu_metrics.platforms.codabench.bundle import write_bundle
    from gpu_metrics.platforms.codabench.competition import Competition, Phase
    from gpu_metrics.platforms.codabench.worker import dry_run

    with TemporaryDirectory() as folder:
        if reference is not None:
            rules = load_profile(profile)
            competition = Competition("Dry run", "none", [Phase("Dry run", datetime.now(UTC))])
            bundle = Path(folder) / "bundle"
            folders = reference_folders(reference)
            write_bundle(bundle, competition, rules, reference=folders, weights=_weights(rules))
        assert bundle is not None
        result = dry_run(bundle, submission, output, phase=phase, say=say)
    rows = [
        (
            column["title"],
            column["key"],
            number(result.scores.get(column["key"]), column["precision"]),
        )
        for column in result.columns
    ]
    typer.echo(f"Failed: {result.problem}" if result.problem else "Finished")
    render.table(["column", "key", "score"], rows)
    say(f"what the program wrote is in {output}")
    if result.problem:
        raise typer.Exit(SOME_REJECTED)


def _phase(text: str) -> "Phase":
    from gpu_metrics.platforms.codabench.competition import Phase

    name, *times = (part.strip() for part in text.split(","))
    try:
        if name and len(times) in (1, 2):
            return Phase(name, *map(_time, times))
    except ValueError as error:
        raise InputError(f"--phase: {text!r}: {error}") from None
    raise InputError(f"--phase: expected NAME,START or NAME,START,END, got {text!r}")


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _page(text: str) -> tuple[str, str]:
    title, mark, name = text.partition("=")
    if not (title.strip() and mark):
        raise InputError(f"--page: expected TITLE=FILE, got {text!r}")
    try:
        content = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--page: {name} cannot be read: {error}") from None
    if not content.strip():
        raise InputError(f"--page: {name} is empty, and Codabench takes no empty page")
    return title.strip(), content


def _weights(profile: Profile) -> dict[str, bytes]:
    """Files with the weights of the profile's networks, by name; fetched if not there yet."""
    measures = profile.measures.values()
    nets = sorted({str(item.options["net"]) for item in measures if item.metric == "lpips"})
    if not nets:
        return {}

    from safetensors.torch import save

    from gpu_metrics.weights import cached_file, find_weights

    return {cached_file(net).name: save(dict(find_weights(net, say=say).trunk)) for net in nets}
