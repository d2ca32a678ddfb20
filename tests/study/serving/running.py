"""A study that is really served: over a socket, by a thread of the test."""

import threading
from contextlib import contextmanager

import httpx

from gpu_metrics.study.serving.listening import listening, server


@contextmanager
def served(study, **options):
    """The address of a study, with no slash at its end."""
    made = server(study, **options)
    with listening("127.0.0.1", 0) as entrance:
        thread = threading.Thread(target=made.run, kwargs={"sockets": [entrance]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{entrance.getsockname()[1]}"
        finally:
            made.should_exit = True
            thread.join()


@contextmanager
def visitor(address, invitation=None):
    """A browser without a page: it keeps cookies and follows nothing by itself."""
    with httpx.Client(base_url=address, trust_env=False) as client:
        if invitation is not None:
            assert client.get(f"/join/{invitation}").status_code == 303
        yield client


def ballot_of(showing, **changes):
    """A ballot on what is shown, as the page sends it."""
    given = {"screen": showing["screen"], "picks": showing["order"][:3], "ordered": True}
    return given | {"tags": [], "comment": "", "seconds": 7.25} | changes
