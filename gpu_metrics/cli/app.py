"""The application that verbs register with, and what their failures exit with."""

import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from gpu_metrics.errors import ENGINE_FAILED, INTERRUPTED, GpuMetricsError, exit_code

P = ParamSpec("P")

EXIT_CODES = (
    "Exit codes: 0 all scored; 1 some images rejected, listed; 2 wrong use, profile, reference set "
    "or weights; 3 the submission is refused; 4 the engine failed, safe to retry; 130 interrupted."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Score restored images against ground truth and person masks.",
    epilog=EXIT_CODES,
)

talk = Console(stderr=True, highlight=False, emoji=False)


def verb(function: Callable[P, None]) -> Callable[P, None]:
    """Turn what a verb raises into a sentence on stderr and an exit code."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except GpuMetricsError as error:
            talk.print(f"[red]error:[/] {escape(_one_screen(error))}", soft_wrap=True)
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            talk.print("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            talk.print(f"[red]error:[/] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(ENGINE_FAILED) from None
        except typer.Exit:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            raise typer.Exit(ENGINE_FAILED) from None

    return run


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where that is a terminal; the value is called with done and total."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    # names of folders are no markup
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    quiet = not talk.is_terminal
    with Progress(
        *columns, TimeElapsedColumn(), console=talk, transient=True, disable=quiet
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say(text: str) -> None:
    """A remark on stderr."""
    talk.print(escape(text), soft_wrap=True)


def _one_screen(error: GpuMetricsError, most: int = 40) -> str:
    first, *others = str(error).splitlines()
    more = [f"  ... and {len(others) - most} more"] if len(others) > most else []
    return "\n".join([first, *others[:most], *more])
