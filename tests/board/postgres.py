"""A real PostgreSQL server in a temporary folder, for tests and benchmarks."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database; skips the test where Debian's postgresql is absent."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    programs = found[-1].parent
    # the server ends with this process, however that ends
    prefix = ["setpriv", "--pdeathsig", "QUIT"]
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        if os.geteuid() == 0:
            # initdb refuses root
            prefix += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        initdb = [str(programs / "initdb"), "--pgdata", data, "--username", "host"]
        made = subprocess.run(
            [*prefix, *initdb, "--auth", "trust", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        port = _free_port()
        options = [f"-cunix_socket_directories={folder}", "-clisten_addresses=127.0.0.1"]
        options += ["-cfsync=off"]
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(
                [*prefix, str(programs / "postgres"), "-D", data, f"-p{port}", *options],
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        url = f"postgresql://host@127.0.0.1:{port}/postgres"
        try:
            _wait_for(process, url, Path(folder, "log"))
            yield url
        finally:
            # an immediate shutdown, in PostgreSQL's words
            process.send_signal(signal.SIGQUIT)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(600):
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"the server never answered:\n{log.read_text()}")
