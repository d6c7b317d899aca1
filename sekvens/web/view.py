"""An e-mail in a browser: the copy that was kept when it left, and nothing that is newer.

Whoever has the link sees what the e-mail itself says, no more: the page is not made again from what
is known today. It runs no script, posts no form, and no cache, index or other site learns of it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.messages.copies import copy_of
from sekvens.messages.links import MessageLink, read_view_link
from sekvens.settings import Settings
from sekvens.web.link_pages import LinkPages, LinkRoute, link_router

#: An e-mail brings its own style and pictures. Sandboxed, it can do nothing but follow links.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-robots-tag": "noindex, nofollow, noarchive",
    "cache-control": "no-store, private",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the page says when the copy is gone, in one language."""

    gone: str
    explanation: str


_WORDS: Final = {
    "sv": _Words(
        gone="Det här brevet finns inte kvar här",
        explanation="Vi sparar våra brev en tid, och sedan tar vi bort dem. Ditt eget exemplar "
        "ligger kvar i inkorgen, om du inte har slängt det.",
    ),
    "en": _Words(
        gone="This letter is no longer here",
        explanation="We keep our letters for a while and then remove them. Your own copy is still "
        "in your inbox, unless you have thrown it away.",
    ),
}


class View:
    """Serves the links to e-mails in a browser."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._kept_for = timedelta(days=settings.privacy.copies_days)

    def router(self) -> APIRouter:
        """Make the route."""
        return link_router(
            "/v/{token}",
            looks=LinkRoute(
                endpoint=self._view,
                operation_id="view_email",
                summary="An e-mail in a browser",
                description="As it was sent. Changes nothing.",
                reply="The e-mail, or that it is gone",
            ),
        )

    async def _view(self, request: Request, token: str) -> Response:
        link = read_view_link(self._settings.api, token)
        return await self._pages.answer(request, link, self._show)

    def _show(self, link: MessageLink) -> Response:
        with self._database.read() as session:
            html = copy_of(session, link.message_id, now=self._clock.now(), kept_for=self._kept_for)
            contact = session.get(Contact, canonical_id(session, link.contact_id))
        if html is None:
            words = _WORDS[self._pages.language_of(contact)]
            return self._pages.show("gone.html", contact, status=410, words=words)
        return HTMLResponse(html, headers=_HEADERS)
