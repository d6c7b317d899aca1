"""The inbox page: what the local SES accepted, as a person wants to look at it.

The pages work without scripts and load nothing from elsewhere. An e-mail's HTML is a stranger: it
stands in a frame of its own, sandboxed, without scripts, under its own content security policy.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from sekvens.clock import Clock
from sekvens.ses.local.account import SendingLimits
from sekvens.ses.local.faults import Faults
from sekvens.ses.local.reader import links_of, one_click_url
from sekvens.ses.local.reading import InboxMessage, read
from sekvens.ses.local.store import Store

PAGE_LENGTH = 50
#: Gmail cuts the HTML of a message off here.
CLIPPED_BYTES = 102 * 1024

_HERE = Path(__file__).parent
_STATIC = {
    "inbox.css": "text/css",
    "inbox.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
#: E-mails carry inline styles and pictures; nothing else of theirs is loaded or run.
_MAIL_POLICY = (
    f"sandbox {_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src http: https: data:; form-action 'none'; frame-ancestors 'self'"
)
_COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)
_PREFERENCE = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
#: In a style (`color-scheme: light dark`) or in a meta element.
_BOTH_SCHEMES = re.compile(
    r"""(color-scheme\s*:\s*|name=["']?color-scheme["']?\s+content=["'])"""
    r"(light\s+dark|dark\s+light)",
    re.IGNORECASE,
)


class Inbox:
    """The pages."""

    def __init__(
        self, *, store: Store, faults: Faults, limits: SendingLimits, clock: Clock
    ) -> None:
        self._store = store
        self._faults = faults
        self._limits = limits
        self._clock = clock
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {"size": _size, "moment": self._moment}

    def routes(self) -> list[Route]:
        """List the paths."""
        return [
            Route("/", self.list_page, methods=["GET"]),
            Route("/rows", self.rows, methods=["GET"]),
            Route("/messages/{id}", self.message_page, methods=["GET"]),
            Route("/messages/{id}/content", self.content, methods=["GET"]),
            Route("/messages/{id}/source.eml", self.source_file, methods=["GET"]),
            Route("/messages/{id}/{view}", self.message_page, methods=["GET"]),
            Route("/static/{name}", self.static, methods=["GET"]),
        ]

    async def list_page(self, request: Request) -> Response:
        """Show the newest messages."""
        return self._page("list.html", **self._listed(request))

    async def rows(self, request: Request) -> Response:
        """Give the list alone, for the script that refreshes it; 304 while nothing changed."""
        listed = self._listed(request)
        armed = "-".join(f"{fault.mode}.{fault.count}" for fault in self._faults.armed())
        day = self._clock.now().astimezone().date()
        tag = f'"{listed["total"]}-{day}-{armed}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        response = self._page("rows.html", **listed)
        response.headers["ETag"] = tag
        response.headers["X-Total"] = str(listed["total"])
        return response

    async def message_page(self, request: Request) -> Response:
        """Show one message in one of its views."""
        view = request.path_params.get("view", "")
        message = self._find(request)
        if message is None or view not in ("", "text", "headers", "source"):
            return self._page("missing.html", status=404)
        newer, older = self._store.neighbours(message.sequence)
        return self._page(
            "message.html",
            message=message,
            view=view or ("html" if message.html else "text"),
            scheme=_scheme(request),
            newer=newer,
            older=older,
            html_size=len(message.html.encode("utf-8", errors="replace")),
            text_size=len(message.text.encode("utf-8", errors="replace")),
            is_clipped=len(message.html.encode("utf-8", errors="replace")) > CLIPPED_BYTES,
            source=message.raw.decode("utf-8", errors="replace"),
            sandbox=_SANDBOX,
            told=self._store.events.told(ses_message_id=message.id),
            links=links_of(message.html),
            one_click=one_click_url(message),
            said=request.query_params.get("unsubscribe", "")[:200],
        )

    async def content(self, request: Request) -> Response:
        """Give the e-mail's own HTML, for the frame."""
        message = self._find(request)
        if message is None:
            return PlainTextResponse("There is no such message.", status_code=404)
        html = _framed(message.html, scheme=_scheme(request))
        return Response(
            html.encode("utf-8", errors="replace"),
            media_type="text/html; charset=utf-8",
            headers={**_COMMON_HEADERS, "Content-Security-Policy": _MAIL_POLICY},
        )

    async def source_file(self, request: Request) -> Response:
        """Give the message as a file for a mail program."""
        message = self._find(request)
        if message is None:
            return PlainTextResponse("There is no such message.", status_code=404)
        disposition = f'attachment; filename="{message.id}.eml"'
        return Response(
            message.raw,
            media_type="message/rfc822",
            headers={**_COMMON_HEADERS, "Content-Disposition": disposition},
        )

    async def static(self, request: Request) -> Response:
        """Give a style sheet, a script or the icon."""
        name = request.path_params["name"]
        if name not in _STATIC:
            return PlainTextResponse("There is no such file.", status_code=404)
        headers = {**_COMMON_HEADERS, "Cache-Control": "no-cache"}
        return FileResponse(_HERE / "static" / name, media_type=_STATIC[name], headers=headers)

    def _listed(self, request: Request) -> dict[str, Any]:
        search = request.query_params.get("q", "").strip()
        before = request.query_params.get("before", "")
        start = int(before) if before.isdecimal() and len(before) < 16 else 0
        found = self._store.newest(search=search, before=start, limit=PAGE_LENGTH + 1)
        has_older = len(found) > PAGE_LENGTH
        shown = [read(accepted) for accepted in found[:PAGE_LENGTH]]
        older = {"before": shown[-1].sequence} if has_older else {}
        query = {"q": search} if search else {}
        return {
            "messages": shown,
            "search": search,
            "is_first": start == 0,
            "total": self._store.count(),
            "older_url": "/?" + urlencode(query | older) if older else "",
            "rows_url": "/rows?" + urlencode(query),
            "faults": self._faults.armed(),
            "rate": self._limits.rate,
            "day_max": self._limits.day_max,
            "sent_last_day": self._limits.sent_last_day(self._clock.now()),
            "url": str(request.base_url).rstrip("/"),
        }

    def _find(self, request: Request) -> InboxMessage | None:
        accepted = self._store.get(request.path_params["id"])
        return read(accepted) if accepted else None

    def _page(self, name: str, *, status: int = 200, **facts: Any) -> Response:
        html = self._pages.get_template(name).render(facts)
        return Response(
            html,
            status_code=status,
            media_type="text/html",
            headers={**_COMMON_HEADERS, "Content-Security-Policy": _PAGE_POLICY},
        )

    def _moment(self, instant: datetime) -> str:
        """Write an instant in this machine's zone: short today, with the date before."""
        local, today = instant.astimezone(), self._clock.now().astimezone().date()
        if local.date() == today:
            return f"{local:%H:%M:%S}"
        if local.date() == today - timedelta(days=1):
            return f"yesterday {local:%H:%M}"
        return f"{local.day} {local:%b %Y}"


def _scheme(request: Request) -> str:
    return "dark" if request.query_params.get("scheme") == "dark" else "light"


def _framed(html: str, *, scheme: str) -> str:
    """Make an e-mail's HTML fit for the frame: links open outside, the scheme is the asked one.

    A frame cannot be told what the reader prefers, so its questions are answered in the source; an
    e-mail that has no dark side stays light, as it would with a reader.
    """
    html = _PREFERENCE.sub(
        lambda found: "(min-width: 0)" if found[1].lower() == scheme else "(max-width: 0)", html
    )
    html = _BOTH_SCHEMES.sub(lambda found: found[1] + scheme, html)
    # The page's policy would stop a link that opens inside the frame.
    return _HEAD.sub(lambda found: found[0] + '<base target="_blank">', html, count=1)


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1024 else f"{size / 1024:.1f} kB"
