"""A stand-in for EvalAI's server: the part of its interface that workers of hosts use."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-token"
QUEUE = "flash-queue"
CHALLENGE = 42


class EvalAI:
    """Submissions, messages and reports; `faults` maps a path to an answer that spoils it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.submissions: dict[int, dict] = {}
        self.queue: list[dict] = []
        self.reports: list[tuple[str, dict]] = []
        self.faults: dict[str, tuple[int, dict, bytes]] = {}
        self.tokens: dict[str, str | None] = {}
        self.address = ""

    def submit(self, number: int, phase: int, data: bytes) -> None:
        """Hand in a file: a message waits in the queue from now on."""
        self.files[f"/media/{number}.zip"] = data
        self.submissions[number] = {
            "status": "submitted",
            "input_file": f"{self.address}/media/{number}.zip",
        }
        body = {"submission_pk": number, "challenge_pk": CHALLENGE, "phase_pk": phase}
        self.queue.append({"body": body, "receipt_handle": f"receipt-{number}"})

    def answer(self, method: str, path: str, form: dict) -> tuple[int, dict, bytes]:
        if path in self.faults:
            return self.faults[path]
        if path in self.files:
            return 200, {}, self.files[path]
        if (method, path) == ("GET", f"/api/jobs/challenge/queues/{QUEUE}/"):
            message = self.queue[0] if self.queue else {"body": None, "receipt_handle": None}
            return 200, {}, json.dumps(message).encode()
        if method == "GET" and path.startswith("/api/jobs/submission/"):
            number = int(path.rpartition("/")[2])
            return 200, {}, json.dumps(self.submissions[number]).encode()
        if (method, path) == ("POST", f"/api/jobs/queues/{QUEUE}/"):
            self.queue = [m for m in self.queue if m["receipt_handle"] != form["receipt_handle"]]
            return 200, {}, b"{}"
        if path == f"/api/jobs/challenge/{CHALLENGE}/update_submission/":
            self.reports.append((method, form))
            number, status = int(form["submission"]), form["submission_status"].lower()
            self.submissions[number]["status"] = status
            return 200, {}, b"{}"
        return 404, {}, b"no such page"


@contextmanager
def serving() -> Iterator[EvalAI]:
    """The stand-in on a free port of this machine."""
    state = EvalAI()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = parse_qs(self.rfile.read(length).decode(), keep_blank_values=True)
            path = urlsplit(self.path).path
            state.tokens[path] = self.headers.get("Authorization")
            flat = {key: values[0] for key, values in form.items()}
            status, headers, body = state.answer(self.command, path, flat)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = _serve

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
