"""`gpu-metrics study serve`: let jurors vote in their browsers."""

from pathlib import Path
from typing import Annotated

import typer

from gpu_metrics.cli.app import say
from gpu_metrics.cli.study.group import group, study_verb
from gpu_metrics.errors import InputError


@group.command()
@study_verb
def serve(
    study: Annotated[Path, typer.Argument(help="Folder of the study, as `build` made it.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 8000,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy that speaks TLS stands before it.")
    ] = False,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file to speak TLS with; asks for --private-key.")
    ] = None,
    private_key: Annotated[Path | None, typer.Option(help="PEM file, the certificate's.")] = None,
) -> None:
    """Serve a study until Ctrl-C; every ballot is on the disk before it is acknowledged."""
    from gpu_metrics.study.serving.listening import is_private, listening, server

    if (certificate is None) != (private_key is None):
        raise InputError("--certificate and --private-key: expected both or none")
    made = server(
        study, behind_proxy=behind_proxy, certificate=certificate, private_key=private_key
    )
    with listening(host, port) as entrance:
        place, number = entrance.getsockname()[:2]
        scheme = "https" if certificate else "http"
        typer.echo(f"{scheme}://{f'[{place}]' if ':' in place else place}:{number}/")
        say("serving until Ctrl-C; jurors come in by the links that `gpu-metrics study build` gave")
        if not (certificate or behind_proxy or is_private(host)):
            say(
                "warning: others can read invitations and ballots on their way here; give "
                "--certificate and --private-key, or put a proxy with TLS before it and say "
                "--behind-proxy"
            )
        made.run(sockets=[entrance])
