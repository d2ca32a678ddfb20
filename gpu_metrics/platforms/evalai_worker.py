"""A worker of one's own for EvalAI: it asks for submissions, scores them, and reports."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.platforms.numbers import numbers

if TYPE_CHECKING:
    from gpu_metrics.engine import Scorer

_DONE = ("finished", "failed", "cancelled")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Track:
    """How submissions of a phase are scored, and the dataset split that results belong to."""

    scorer: "Scorer"
    split: str


class _StayHere(HTTPRedirectHandler):
    """Follows redirections on one server alone, since a token goes with them."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Challenge:
    """A challenge on an EvalAI server, through the interface for its hosts' workers.

    Args:
        server: As `https://eval.ai`; plain http is taken for this machine alone.
        token: The hosts' token. It is sent to `server` and to nobody else.
        queue: Name of the challenge's queue.
        number: The challenge's primary key.
        patience: Seconds to wait for an answer.
        most_bytes: Of a submission; larger ones are refused.

    Raises:
        EngineError: The server cannot be reached or refuses; from any method.
    """

    def __init__(
        self,
        server: str,
        token: str,
        queue: str,
        number: int,
        *,
        patience: float = 60.0,
        most_bytes: int = 4 * 2**30,
    ) -> None:
        parts = urlsplit(server)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise InputError(f"server: expected an address with https://, got {server!r}")
        self._server = server.rstrip("/")
        self._token = token
        self._queue, self._number = queue, number
        self._patience, self._most_bytes = patience, most_bytes
        self._opener = build_opener(_StayHere)

    def message(self) -> dict[str, Any] | None:
        """The next message of the queue, None where it is empty."""
        answer = self._ask("GET", f"/api/jobs/challenge/queues/{self._queue}/")
        return answer if answer.get("body") else None

    def forget(self, message: Mapping[str, Any]) -> None:
        """Take a message off the queue; otherwise it comes again after a while."""
        receipt = {"receipt_handle": message["receipt_handle"]}
        self._ask("POST", f"/api/jobs/queues/{self._queue}/", receipt)

    def submission(self, number: int) -> dict[str, Any]:
        """What the server knows of a submission: `status`, `input_file` and more."""
        return self._ask("GET", f"/api/jobs/submission/{number}")

    def running(self, submission: int) -> None:
        """Say that a submission is being scored."""
        report = {"submission": submission, "submission_status": "RUNNING"}
        self._ask("PATCH", self._update(), report)

    def finished(
        self, submission: int, phase: int, split: str, values: Mapping[str, float]
    ) -> None:
        """Hand in the scores of a submission."""
        result = [{"split": split, "show_to_participant": True, "accuracies": dict(values)}]
        self._report(submission, phase, "FINISHED", result=json.dumps(result, allow_nan=False))

    def failed(self, submission: int, phase: int, reason: str) -> None:
        """Say why a submission has no score."""
        self._report(submission, phase, "FAILED", stderr=reason)

    def download(self, address: str, target: Path) -> None:
        """Save a submission's file; SubmissionError where it is larger than `most_bytes`."""
        if urlsplit(address).scheme not in ("http", "https"):
            raise EngineError(f"the submission is at {address!r}, which is no address of the web")
        size = 0
        try:
            with urlopen(address, timeout=self._patience) as answer, target.open("wb") as file:
                while chunk := answer.read(_CHUNK):
                    size += len(chunk)
                    if size > self._most_bytes:
                        raise SubmissionError(
                            f"the file has more than {self._most_bytes:,} bytes; hand in less"
                        )
                    file.write(chunk)
        except (OSError, HTTPException) as error:
            raise EngineError(f"the submission cannot be downloaded: {error}") from error

    def _update(self) -> str:
        return f"/api/jobs/challenge/{self._number}/update_submission/"

    def _report(self, submission: int, phase: int, status: str, **others: str) -> None:
        report = {"challenge_phase": phase, "submission": submission, "submission_status": status}
        texts = {"stdout": "", "stderr": "", "metadata": ""} | others
        self._ask("PUT", self._update(), report | texts)

    def _ask(
        self, method: str, path: str, form: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        request = Request(
            f"{self._server}{path}",
            data=None if form is None else urlencode(form).encode(),
            headers={"Authorization": f"Bearer {self._token}"},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=self._patience) as answer:
                content = json.load(answer)
        except HTTPError as error:
            told = error.read(500).decode(errors="replace")
            raise EngineError(f"{method} {path}: answered with {error.code}: {told}") from error
        except (OSError, HTTPException, ValueError) as error:
            raise EngineError(f"{method} {path}: no usable answer: {error}") from error
        if not isinstance(content, dict):
            raise EngineError(f"{method} {path}: expected an object, got {content!r:.100}")
        return cast(dict[str, Any], content)


def serve(
    challenge: Challenge,
    tracks: Mapping[int, Track],
    *,
    wait: float = 60.0,
    rounds: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Score submissions as they come, for ever or for so many rounds.

    Where the engine or the server fails, the submission keeps its place in the queue and comes
    again; `say` is told, and the next round starts after `wait` seconds.

    Args:
        tracks: By primary key of the phase; submissions of other phases are left to others.
        wait: Seconds before an empty queue is asked again.
    """
    done = 0
    while rounds is None or done < rounds:
        done += 1
        try:
            busy = attend(challenge, tracks, say=say)
        except EngineError as error:
            say(f"{error}; the submission stays in the queue")
            busy = False
        if not busy and done != rounds:
            time.sleep(wait)


def attend(
    challenge: Challenge,
    tracks: Mapping[int, Track],
    *,
    say: Callable[[str], None] = lambda text: None,
) -> bool:
    """Deal with the next message of the queue; False where there is none for these tracks."""
    message = challenge.message()
    if message is None:
        return False
    try:
        number, phase = (int(message["body"][key]) for key in ("submission_pk", "phase_pk"))
        status = challenge.submission(number)
        address, state = str(status["input_file"]), str(status["status"])
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"a message of the queue is incomplete: {error!r}") from error
    if state in _DONE:
        challenge.forget(message)
        return True
    if phase not in tracks:
        say(f"submission {number} is of phase {phase}, which is not served here")
        return False
    challenge.running(number)
    try:
        values = _scored(challenge, address, number, tracks[phase])
    except SubmissionError as error:
        say(f"submission {number}: {error.summary}")
        challenge.failed(number, phase, str(error))
    else:
        ranked, value = next(iter(values.items()))
        say(f"submission {number}: {ranked} {value:g}")
        challenge.finished(number, phase, tracks[phase].split, values)
    challenge.forget(message)
    return True


def _scored(challenge: Challenge, address: str, number: int, track: Track) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "submission.zip"
        challenge.download(address, path)
        run = track.scorer.score(path, name=f"submission {number}")
    return numbers(run, track.scorer.profile)
