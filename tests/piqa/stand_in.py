"""A local endpoint that speaks the protocol of chat completions, and misbehaves on demand."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the endpoint sends: a status, bytes, and how it misbehaves meanwhile."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False


def completion(content: str | None, *, usage: bool = True) -> Reply:
    """A chat completion with that content, of 100 tokens in and 5 out."""
    answer: dict[str, Any] = {
        "model": "stand-in-1",
        "choices": [{"message": {"role": "assistant", "content": content}}],
    }
    if usage:
        answer["usage"] = {"prompt_tokens": 100, "completion_tokens": 5}
    return Reply(body=json.dumps(answer).encode())


def score(number: int) -> Reply:
    """A verdict in the form that is asked for."""
    return completion(json.dumps({"score": number}))


def opinion(question: dict[str, Any]) -> int:
    """A judge's score of 0..10: words that the candidate shares with the expert, and order."""
    texts = json.loads(question["messages"][-1]["content"])
    mine, theirs = (set(texts[who].split()) for who in ("candidate", "expert"))
    bonus = int([*texts][0] == "expert")
    return min(10, round(9 * len(mine & theirs) / max(1, len(theirs))) + bonus)


class StandIn:
    """Answers with `reply(question, number of the question)`; an opinion by default.

    `questions` and `headers` keep what was asked; `most_at_once` how many waited together.
    """

    def __init__(self) -> None:
        self.reply: Callable[[dict[str, Any], int], Reply] = lambda q, n: score(opinion(q))
        self.questions: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> "StandIn":
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stand_in._answer(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        question = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.questions.append(question)
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            number = len(self.questions)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            reply = self.reply(question, number)
            found = handler.path == "/v1/chat/completions"
            self._send(handler, reply if found else Reply(404))
        except ConnectionError:
            pass
        finally:
            with self._lock:
                self._at_once -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.hang:
            self._closing.wait(10)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        for byte in reply.body:
            if not reply.drip:
                handler.wfile.write(reply.body)
                break
            handler.wfile.write(bytes([byte]))
            if self._closing.wait(0.05):
                break
