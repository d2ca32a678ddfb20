"""What the verbs of a study register with."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import typer

from gpu_metrics.cli.app import app, verb
from gpu_metrics.errors import InputError

P = ParamSpec("P")

_EXTRA = {"jinja2", "pydantic", "starlette", "uvicorn"}

group = typer.Typer(
    no_args_is_help=True, help="Let experts pick the best results blind, and count their picks."
)
app.add_typer(group, name="study")


def study_verb(function: Callable[P, None]) -> Callable[P, None]:
    """As `verb`; what the extra of studies would bring is named where it is missing."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA:
                raise
            raise InputError(
                f"a study needs {error.name}: pip install 'gpu-metrics[study]'"
            ) from error

    return verb(run)
