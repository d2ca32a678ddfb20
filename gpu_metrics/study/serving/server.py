"""The web application of a study: jurors vote in it, and it knows no more than the manifest."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hmac import compare_digest
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.study import progress
from gpu_metrics.study.ballots import Ballot
from gpu_metrics.study.manifest import BALLOTS, MANIFEST, Manifest, sha256
from gpu_metrics.study.serving import assets
from gpu_metrics.study.serving.answers import answer, as_image, as_json, as_page, refusal
from gpu_metrics.study.serving.received import LARGEST_BALLOT, received
from gpu_metrics.study.serving.state import short_hash, state, tokens_of
from gpu_metrics.study.store import AlreadyCast, BallotStore

# seconds: how often the organiser's page renews itself, and how long an invitation is remembered
_RENEWED = "15"
_REMEMBERED = 180 * 24 * 3600

_SCRIPTS = ("/state", "/images/", "/ballots", "/static/")
_SENTENCES = {
    400: "The ballot did not arrive whole.",
    403: "This study is open to its jurors alone: open the link of your invitation.",
    404: "There is nothing here.",
    405: "This cannot be done here.",
    413: f"A ballot has at most {LARGEST_BALLOT} bytes.",
    415: "A ballot comes as application/json.",
    500: "The server has failed; every ballot that it acknowledged is safe.",
    503: "The server cannot do this now; every ballot that it acknowledged is safe. Try again.",
}
_log = logging.getLogger(__name__)


def application(study: Path) -> Starlette:
    """The application that serves the folder of a study; its ballots are kept there, too.

    Raises:
        InputError: There is no manifest, or the ballots there belong to another study.
        EngineError: The ballots cannot be read or written.
    """
    return _Voting(Path(study)).application()


class _Voting:
    def __init__(self, study: Path) -> None:
        self._study = study
        self._manifest = manifest = Manifest.load(study / MANIFEST)
        self._store = BallotStore(study / BALLOTS, manifest, patience=10.0)
        self._cookie = f"study-{short_hash(manifest)}"
        self._page = assets.juror_page(manifest.title, bundle=False)
        self._static = assets.static_files()
        self._tokens = {juror: frozenset(tokens_of(manifest, juror)) for juror in manifest.seats}

    def application(self) -> Starlette:
        routes = [
            Route("/join/{invitation}", self.join),
            Route("/progress/{organiser}", self.progress),
            Route("/", self.page),
            Route("/state", self.state),
            Route("/images/{token}.png", self.image),
            Route("/static/{name}", self.static),
            Route("/ballots", self.cast, methods=["POST"]),
        ]
        handlers = {HTTPException: _refused, EngineError: _failed, Exception: _broken}
        made = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)
        made.router.redirect_slashes = False
        return made

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        with self._store:
            yield

    def join(self, request: Request) -> Response:
        invitation = request.path_params["invitation"]
        if self._manifest.seat_of(invitation) is None:
            raise HTTPException(403)
        # a relative place holds behind a proxy that adds a path, too
        welcome = answer("", "text/plain", status=303, headers={"location": "../"})
        welcome.set_cookie(
            self._cookie,
            invitation,
            max_age=_REMEMBERED,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return welcome

    def progress(self, request: Request) -> Response:
        given = sha256(request.path_params["organiser"])
        if not compare_digest(given, self._manifest.organiser_sha256):
            raise HTTPException(403)
        html = progress.to_html(self._manifest.title, self._store.progress())
        return as_page(html, headers={"refresh": _RENEWED})

    def page(self, request: Request) -> Response:
        self._juror(request)
        return answer(self._page, "text/html")

    def state(self, request: Request) -> Response:
        juror = self._juror(request)
        cast = {item.ballot.screen for item in self._store.of(juror)}
        return as_json(state(self._manifest, juror, cast))

    def image(self, request: Request) -> Response:
        token = request.path_params["token"]
        if token not in self._tokens[self._juror(request)]:
            raise HTTPException(404)
        return as_image(assets.image(self._study, self._manifest, token))

    def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            raise HTTPException(404)
        return answer(self._static[name], assets.MEDIA_TYPES[Path(name).suffix])

    async def cast(self, request: Request) -> Response:
        juror = self._juror(request)
        # a page that was opened before another juror's link was
        if request.headers.get("study-juror", juror) != juror:
            raise HTTPException(403)
        _check_sender(request)
        body = await _body(request)
        try:
            ballot = received(Ballot, body, where="ballot")
            new = await run_in_threadpool(self._store.cast, juror, ballot)
        except AlreadyCast:
            return as_json({"error": "you have cast another ballot on this screen"}, status=409)
        except InputError as error:
            return as_json({"error": str(error)}, status=400)
        return as_json({"new": new}, status=201 if new else 200)

    def _juror(self, request: Request) -> str:
        juror = self._manifest.seat_of(request.cookies.get(self._cookie, ""))
        if juror is None:
            raise HTTPException(403)
        return juror


def _check_sender(request: Request) -> None:
    """Refuse what another site makes a juror's browser send; other programs say nothing here."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    if site != "same-origin" if site is not None else origin not in (None, own):
        raise HTTPException(403)
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != "application/json":
        raise HTTPException(415)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BALLOT:
                # nor is the rest of it to be waited for
                raise HTTPException(413, headers={"connection": "close"})
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    return bytes(body)


def _answered(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return refusal(
        _SENTENCES[status],
        status,
        to_script=request.url.path.startswith(_SCRIPTS),
        headers=headers,
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answered(request, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    # what broke is for the organiser's eyes
    _log.error("%s", error)
    return _answered(request, 503)


async def _broken(request: Request, error: Exception) -> Response:
    return _answered(request, 500)
