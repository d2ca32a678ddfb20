"""The command line: one verb per file. Results go to stdout, everything else to stderr."""

from gpu_metrics.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from gpu_metrics.cli import (  # noqa: F401 - they register
        bench,
        board,
        calibrate,
        codabench,
        demo,
        doctor,
        evalai,
        final,
        grand_challenge,
        pack,
        piqa,
        profiles,
        rescore,
        score,
        validate,
        verify,
        weights,
    )
    from gpu_metrics.cli.study import (  # noqa: F401
        build,
        export,
        import_,
        report,
        serve,
        tally,
    )

    app()
