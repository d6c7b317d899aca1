"""What every reply has in common: security headers, and errors as `{"code", "message"}`.

No reply and no log line holds a traceback or a piece of what was posted: a client learns what to
do, a log where it happened.
"""

import logging
import traceback
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)

#: For replies that are not pages. A page of ours sets a policy that allows its own style.
CLOSED_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"

_HEADERS: Final = {
    "content-security-policy": CLOSED_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}
#: Once a browser has seen us by https it never tries http again, for two years.
_BY_HTTPS: Final = {"strict-transport-security": "max-age=63072000; includeSubDomains"}


class Failure(msgspec.Struct, frozen=True):
    """Why a request was not answered."""

    code: str
    message: str


class NotKept(msgspec.Struct, frozen=True):
    """A product of a request that cannot be used."""

    index: int  #: which of the request's products, from 0
    reason: str


class ProductsKept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the products of a request."""

    success: Literal[True] = True
    added: int
    changed: int
    unchanged: int
    rejected: tuple[NotKept, ...]


class EndsEarly(Exception):
    """Carries the reply to a request that ends early."""

    def __init__(self, reply: Response) -> None:
        super().__init__()
        self.reply = reply


def failure(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Make an error reply, in the form that clients of Segment's API read."""
    return Response(
        msgspec.json.encode(Failure(code, message)),
        status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def unavailable(message: str) -> Response:
    """Make the reply that makes every client post again later.

    Not 429: RudderStack's Python client ignores its Retry-After (research/ecosystem.md 1.5).
    """
    return failure(503, "unavailable", message, {"Retry-After": "2"})


async def on_http_error(_request: Request, error: Exception) -> Response:
    """Answer an unknown path or method."""
    status = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None)
    if status == 405:
        return failure(405, "method_not_allowed", "this path takes another method", headers)
    if status == 404:
        return failure(404, "not_found", "there is nothing here; GET /docs shows what is", headers)
    return failure(status, "bad_request", "the request cannot be read", headers)


class Outermost:
    """Sets the headers of every reply, and turns a bug into a plain 500."""

    def __init__(self, app: ASGIApp, *, is_https: bool = False) -> None:
        self._app = app
        self._headers = _HEADERS | (_BY_HTTPS if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  the last resort: no client sees a traceback
            _log_bug(scope, error)
            if not started:
                reply = failure(500, "internal_error", "something went wrong here; it is logged")
                await reply(scope, receive, send_with_headers)


def _log_bug(scope: Scope, error: Exception) -> None:
    # Where, but not what: the error's own message may quote an address.
    where = "".join(traceback.format_tb(error.__traceback__))
    route = getattr(scope.get("route"), "path", "no route")
    _log.error(
        "%s while answering %s %s\n%s",
        type(error).__name__,
        scope["method"],
        route,
        where,
        extra={"action": "request_failed"},
    )
