"""What the outside may ask of us: how large a body is, and how often one source asks.

Ingress is limited by size alone, for its clients want a 200 and post again what gets none. Links
are limited far above what people, and mail scanners for them, ever ask; a source that knows no link
of ours, much sooner.
"""

import logging
import re
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sekvens.web.rates import Buckets, Rate, source_of
from sekvens.web.replies import failure

_log = logging.getLogger(__name__)

#: No form of ours is as long: a review has 5,000 characters, of up to 13 bytes each.
FORM_BYTES_MAX: Final = 72 * 1024
#: For what has no limit of its own; ingress has, and answers as Segment does.
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_INGRESS: Final = "/v1/"

#: One mail provider posts one-click unsubscribes for all its users, and scans all their mail.
LINKS: Final = Rate(burst=600, per_second=20)
#: A link that leads to nothing: cut off on its way, or guessed.
STRANGE: Final = Rate(burst=60, per_second=1)

#: Behind the links of e-mails, whichever there are: `/u/…`, `/a/…`.
_LINK: Final = re.compile(r"/([a-z]{1,2}|confirm)/")
#: Pages with forms of their own.
_FORMS: Final = ("/staff", "/subscribe")
_SAY_EVERY: Final = 60.0


class _TooLarge(Exception):
    """More came than was announced, or than is taken."""


class Limits:
    """Answers 413 and 429 before anything else is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._links = Buckets(LINKS)
        self._strange = Buckets(STRANGE)
        self._said_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path.startswith(_INGRESS):
            await self._app(scope, receive, send)
            return
        is_link = bool(_LINK.match(path))
        source = source_of((scope.get("client") or ("",))[0])
        wait = max(self._links.take(source), self._strange.wait(source)) if is_link else 0.0
        if wait:
            await self._too_often(wait)(scope, receive, send)
            return
        bytes_max = FORM_BYTES_MAX if is_link or path.startswith(_FORMS) else BODY_BYTES_MAX
        if _announced(scope) > bytes_max:
            await _too_large(bytes_max)(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if is_link and message["status"] == 404:
                    self._strange.take(source)
            await send(message)

        try:
            await self._app(scope, _counted(receive, bytes_max), watched)
        except _TooLarge:
            if not started:
                await _too_large(bytes_max)(scope, receive, send)

    def _too_often(self, wait: float) -> Response:
        if time.monotonic() - self._said_at > _SAY_EVERY:
            self._said_at = time.monotonic()
            _log.warning(
                "One source asks for links too often and is told to wait; if all of them seem to "
                "come from one proxy, name it in FORWARDED_ALLOW_IPS",
                extra={"action": "rate_limited"},
            )
        seconds = str(int(wait) + 1)
        return failure(
            429, "too_many_requests", "too many requests; wait a little", {"Retry-After": seconds}
        )


def _announced(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 16 else 0


def _counted(receive: Receive, bytes_max: int) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > bytes_max:
            raise _TooLarge
        return message

    return counted


def _too_large(bytes_max: int) -> Response:
    return failure(413, "too_large", f"a request here holds at most {bytes_max // 1024} KiB")
