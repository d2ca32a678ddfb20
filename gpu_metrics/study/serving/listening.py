"""A study's application behind a socket."""

import ipaddress
import socket
from pathlib import Path

import uvicorn

from gpu_metrics.errors import InputError
from gpu_metrics.study.serving.server import application

# seconds that answers under way have to end in when the server is told to stop
_FAREWELL = 5


def server(
    study: Path,
    *,
    behind_proxy: bool = False,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> uvicorn.Server:
    """A server of one study, to be run on sockets; it logs failures and no requests.

    Args:
        study: The folder.
        behind_proxy: Whether a proxy stands before it, whose word on the scheme counts.
        certificate, private_key: PEM files to speak TLS with.

    Raises:
        InputError: The study or the certificate does not fit.
        EngineError: The ballots cannot be read or written.
    """
    config = uvicorn.Config(
        application(study),
        http="h11",
        ws="none",
        lifespan="on",
        # how the process logs is its host's: a configuration would close the handlers of others
        log_config=None,
        # links hold invitations, which are nobody's to read
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=behind_proxy,
        forwarded_allow_ips="*" if behind_proxy else None,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
        timeout_graceful_shutdown=_FAREWELL,
    )
    try:
        config.load()
    # TLS raises a kind of it
    except OSError as error:
        raise InputError(
            f"--certificate {certificate}, --private-key {private_key}: expected two files in PEM "
            f"that belong together: {error.strerror or error}"
        ) from error
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. InputError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}, port {port}: cannot be listened on: {why}; choose another --host or --port"
        ) from error


def is_private(host: str) -> bool:
    """Whether only this computer can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
