"""Zip files on a server, for whoever asks for one."""

import pytest


@pytest.fixture
def put(tmp_path):
    """Write a zip file under a name that nobody should read in a message."""

    def write(data, name="team.zip"):
        path = tmp_path / "server" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    return write
