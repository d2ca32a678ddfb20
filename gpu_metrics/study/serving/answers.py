"""Answers of the server: every one tells browsers to trust nothing from elsewhere."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gpu_metrics.page import STYLE_SOURCE, page, paragraph

_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_POLICY = (
    "default-src 'none'; img-src 'self'; script-src 'self'; style-src {style}; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


def answer(
    content: str | bytes,
    media_type: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    style: str = "'self'",
) -> Response:
    """An answer with the headers that all have; `style` is where its style may come from."""
    return Response(
        content,
        status_code=status,
        media_type=media_type,
        headers=_HEADERS
        | {"content-security-policy": _POLICY.format(style=style)}
        | dict(headers or {}),
    )


def as_json(
    content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Plain data."""
    return answer(json.dumps(content), "application/json", status=status, headers=headers)


def as_page(html: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A page that `gpu_metrics.page` made."""
    return answer(html, "text/html", status=status, headers=headers, style=STYLE_SOURCE)


def as_image(data: bytes) -> Response:
    """A picture, the headers of which depend on its length alone; it never changes."""
    kept = {"cache-control": "private, max-age=31536000, immutable"}
    return answer(data, "image/png", headers=kept)


def refusal(
    sentence: str, status: int, *, to_script: bool, headers: Mapping[str, str] | None = None
) -> Response:
    """Why something is not done, as a page to people and as JSON to a page's script."""
    if to_script:
        return as_json({"error": sentence}, status=status, headers=headers)
    html = page("Blind study", paragraph(sentence))
    return as_page(html, status=status, headers=headers)
