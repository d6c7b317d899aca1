"""What the reader of a message may do, by the inbox's buttons: SES tells of it as of a real one.

A web page elsewhere cannot press them: a browser says where a form comes from. Unsubscribing is no
matter of SES's: the button does what a mail program does, and posts to the message's own link.
"""

import asyncio
import urllib.request
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sekvens.clock import Clock
from sekvens.sections import is_local
from sekvens.ses.local.reading import InboxMessage, read
from sekvens.ses.local.store import Accepted, Store

LINKS_MAX: Final = 100
_BODY_MAX: Final = 8192
_TIMEOUT_SECONDS: Final = 15
#: A deed of the inbox's, and why SES keeps from mailing the address from then on, if it does.
DEEDS: Final = {
    "open": "",
    "click": "",
    "bounce": "BOUNCE",
    "soft-bounce": "",
    "complaint": "COMPLAINT",
}


class Reader:
    """The buttons' paths."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def routes(self) -> list[Route]:
        """List the paths."""
        return [
            Route("/messages/{id}/unsubscribe", self.unsubscribe, methods=["POST"]),
            Route("/messages/{id}/{deed}", self.do, methods=["POST"]),
        ]

    async def do(self, request: Request) -> Response:
        """Open, click, bounce or complain."""
        deed = request.path_params["deed"]
        accepted = self._store.get(request.path_params["id"])
        if accepted is None or deed not in DEEDS:
            return PlainTextResponse("There is no such message.", status_code=404)
        if not _is_own_page(request):
            return PlainTextResponse("Press the button on the inbox's own page.", status_code=403)
        link = await _chosen(request) if deed == "click" else ""
        if deed == "click" and link not in links_of(read(accepted).html):
            return PlainTextResponse("There is no such link in the message.", status_code=400)
        self.tell(deed, accepted, link=link)
        return RedirectResponse(f"/messages/{accepted.id}", status_code=303)

    def tell(self, deed: str, accepted: Accepted, *, link: str = "") -> None:
        """Tell of a deed, and keep from mailing the address again where SES would."""
        now = self._clock.now()
        with self._store.transaction():
            self._store.events.tell(
                deed,
                accepted,
                ses_message_id=accepted.id,
                accepted_at=accepted.accepted_at,
                now=now,
                link=link,
            )
            if DEEDS[deed]:
                self._store.suppress(accepted.recipients[0], reason=DEEDS[deed], now=now)

    async def unsubscribe(self, request: Request) -> Response:
        """Post to the message's own link, as a mail program's one click does (RFC 8058)."""
        accepted = self._store.get(request.path_params["id"])
        if accepted is None:
            return PlainTextResponse("There is no such message.", status_code=404)
        if not _is_own_page(request):
            return PlainTextResponse("Press the button on the inbox's own page.", status_code=403)
        url = one_click_url(read(accepted))
        said = await asyncio.to_thread(_post, url) if url else "it has no link for one click"
        query = urlencode({"unsubscribe": said})
        return RedirectResponse(f"/messages/{accepted.id}?{query}", status_code=303)


def links_of(html: str) -> list[str]:
    """List the links of an e-mail, each once, in order."""
    reader = _Links()
    reader.feed(html)
    return list(dict.fromkeys(reader.found))[:LINKS_MAX]


def one_click_url(message: InboxMessage) -> str:
    """Tell where one click unsubscribes; empty: the message does not offer it."""
    lowered = {name.lower(): value for name, value in message.headers.items()}
    if lowered.get("list-unsubscribe-post", "").strip() != "List-Unsubscribe=One-Click":
        return ""
    listed = [part.strip() for part in lowered.get("list-unsubscribe", "").split(",")]
    urls = [part[1:-1] for part in listed if part.startswith("<http") and part.endswith(">")]
    return urls[0] if urls else ""


def _post(url: str) -> str:
    """Post, and say what came of it."""
    if not is_local(url):
        return "its link leads away from this machine, and is not followed"
    request = urllib.request.Request(  # noqa: S310  this machine
        url, b"List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except (OSError, ValueError) as error:
        return str(error)[:200]


async def _chosen(request: Request) -> str:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _BODY_MAX:
            return ""
    return parse_qs(body.decode("utf-8", "replace")).get("link", [""])[0]


def _is_own_page(request: Request) -> bool:
    """Tell whether a form is the inbox's own, or no browser sends it at all."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or origin == str(request.base_url).rstrip("/")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href and href.startswith(("http://", "https://")):
            self.found.append(href)
