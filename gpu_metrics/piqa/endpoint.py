"""Questions to a language model behind any OpenAI-compatible endpoint, asked with patience."""

import json
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gpu_metrics.errors import EngineError, InputError

if TYPE_CHECKING:
    import httpx

Answered = TypeVar("Answered")

# statuses that pass: timeout, conflict, too early, too many requests; every 5xx besides
_PASSING = (408, 409, 425, 429)
# statuses that every other question would meet as well
_HOPELESS = (401, 403, 404)
_MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, and with how much patience.

    Args:
        url: Up to and without /chat/completions, as "http://localhost:8000/v1".
        model: The model's name there.
        key: Sent as a bearer token, never recorded.
        prices: Per million tokens, of prompts and of completions; None where costs do not matter.
        timeout: Seconds to wait for a connection, for an answer to begin and for its end.
        tries: How often one question is asked; at least once.
        pause: Seconds after the first failure, doubled after each further one. What the server
            asks for with Retry-After counts where it is longer, up to `longest_pause`.
    """

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    prices: tuple[float, float] | None = None
    timeout: float = 60.0
    tries: int = 5
    pause: float = 1.0
    longest_pause: float = 60.0

    def __post_init__(self) -> None:
        """Raise InputError unless the address can be asked and recorded."""
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise InputError("url: expected http://HOST... or https://HOST...")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise InputError("url: expected no user, password or query in it; give the key apart")
        if self.key is not None and re.fullmatch("[!-~]+", self.key) is None:
            raise InputError("key: expected printable ASCII without spaces")
        if self.tries < 1 or self.timeout <= 0:
            raise InputError("tries must be at least 1 and timeout more than 0")


class Failure(Exception):
    """A question without an answer. `passing`: worth another try; `hopeless`: for all others."""

    def __init__(
        self, reason: str, *, passing: bool = True, hopeless: bool = False, after: float = 0.0
    ) -> None:
        super().__init__(reason)
        self.passing, self.hopeless, self.after = passing, hopeless, after


class Conversation:
    """Questions to one endpoint, from any number of threads, and what they took."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._client = _client(endpoint)
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.calls = self.retries = self.uncounted = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.models: set[str] = set()

    def __enter__(self) -> "Conversation":
        """This conversation, whose connections the end of the `with` statement closes."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, question: dict[str, Any], accept: Callable[[str], Answered]) -> Answered:
        """What `accept` makes of the answer; it raises Failure where that has not the form.

        Raises:
            Failure: No answer was accepted in as many tries as there are, or none can be.
        """
        for attempt in range(1, self._endpoint.tries + 1):
            if self._over.is_set():
                raise Failure("not asked any more")
            try:
                return accept(self._content(question))
            except Failure as failure:
                if failure.hopeless or not failure.passing:
                    raise
                if attempt == self._endpoint.tries:
                    tries = f", in {attempt} tries" if attempt > 1 else ""
                    raise Failure(f"{failure}{tries}") from None
                self._over.wait(self._pause(attempt, failure))
                with self._lock:
                    self.retries += 1
        raise AssertionError("there is at least one try")

    def end(self) -> None:
        """Ask nothing more; who waits for another try stops waiting."""
        self._over.set()

    def _pause(self, attempt: int, failure: Failure) -> float:
        grown = self._endpoint.pause * 2.0 ** (attempt - 1)
        return min(max(grown, failure.after), self._endpoint.longest_pause)

    def _content(self, question: dict[str, Any]) -> str:
        """The text of one answer."""
        import httpx

        with self._lock:
            self.calls += 1
        try:
            answer = json.loads(self._post(question))
        except httpx.TimeoutException:
            raise Failure("no answer in time") from None
        except httpx.HTTPError as error:
            raise Failure(f"the connection failed ({type(error).__name__})") from None
        except (ValueError, RecursionError):
            raise Failure("the endpoint's answer is not JSON") from None
        if isinstance(answer, dict):
            self._count(answer)
        try:
            content = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            raise Failure("the endpoint's answer has not the form of a chat completion") from None
        if not isinstance(content, str):
            raise Failure("the model answered without text")
        return content

    def _post(self, question: dict[str, Any]) -> bytes:
        deadline = time.monotonic() + self._endpoint.timeout
        with self._client.stream("POST", "/chat/completions", json=question) as response:
            status = response.status_code
            if status != 200:
                raise Failure(
                    f"the endpoint answered with status {status}",
                    passing=status in _PASSING or status >= 500,
                    hopeless=status in _HOPELESS,
                    after=_seconds(response.headers.get("retry-after")),
                )
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > deadline:
                    raise Failure("no answer in time")
                if len(body) > _MOST_BYTES:
                    raise Failure(f"the endpoint's answer is longer than {_MOST_BYTES:,} bytes")
        return bytes(body)

    def _count(self, answer: dict[str, Any]) -> None:
        """Tokens as the endpoint counts them, where it does."""
        usage = answer.get("usage")
        tokens = usage if isinstance(usage, dict) else {}
        prompt, completion = tokens.get("prompt_tokens"), tokens.get("completion_tokens")
        with self._lock:
            if isinstance(prompt, int) and isinstance(completion, int):
                self.prompt_tokens += max(0, prompt)
                self.completion_tokens += max(0, completion)
            else:
                self.uncounted += 1
            if isinstance(model := answer.get("model"), str):
                self.models.add(model)

    def cost(self) -> float | None:
        """What the counted tokens cost; None without prices."""
        if self._endpoint.prices is None:
            return None
        per_prompt, per_completion = self._endpoint.prices
        return (self.prompt_tokens * per_prompt + self.completion_tokens * per_completion) / 1e6


def _client(endpoint: Endpoint) -> "httpx.Client":
    try:
        import httpx
    except ImportError:
        raise EngineError("a judge needs httpx: pip install 'gpu-metrics[piqa]'") from None
    headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    address = endpoint.url.rstrip("/")
    try:
        return httpx.Client(base_url=address, headers=headers, timeout=endpoint.timeout)
    except httpx.InvalidURL as error:
        raise InputError(f"url: {error}") from None


def _seconds(text: str | None) -> float:
    """Seconds that a Retry-After asks for; 0 where it names a date, or nothing."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
