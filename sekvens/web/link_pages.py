"""What the pages behind the links of e-mails have in common: their language, and strange links.

Looking at one never commits anything, because mail scanners follow every link and run JavaScript.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sekvens.contacts.tables import Contact
from sekvens.shop import Shop
from sekvens.web.openapi import RETRY_AFTER, failure_response, page_response
from sekvens.web.pages import page
from sekvens.web.replies import unavailable

Link = TypeVar("Link")


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What every such page may say, in one language."""

    home: str
    unknown: str
    unknown_explanation: str


_WORDS: Final = {
    "sv": _Words(
        home="Till butiken",
        unknown="Den här länken känner vi inte igen",
        unknown_explanation="Den kan ha blivit avhuggen på vägen. Pröva samma länk i ett annat av "
        "våra brev, eller svara på ett brev, så ordnar vi det för hand.",
    ),
    "en": _Words(
        home="To the shop",
        unknown="We do not recognise this link",
        unknown_explanation="It may have been cut off on its way. Try the same link in another "
        "letter, or reply to any of them and we will see to it by hand.",
    ),
}


class LinkPages:
    """Shows the pages behind one kind of link, in the languages that they are written in."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def answer(
        self, request: Request, link: Link | None, work: Callable[[Link], Response]
    ) -> Response:
        """Answer a request by `work`, in a thread; None is a link that we did not sign."""
        if link is None:
            return self.unknown(request)
        try:
            return await asyncio.to_thread(work, link)
        except SQLAlchemyError:
            return unavailable("the database does not answer; try again in a moment")

    def unknown(self, request: Request) -> Response:
        """Say that a link is not ours, or that nothing is kept of it any more."""
        asked = request.headers.get("accept-language", "").split(",")[0]
        return self._show("unknown_link.html", self._written(asked), status=404)

    def show(
        self, template: str, contact: Contact | None, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Show a page in the contact's language; it is told `words` of that language, if given."""
        return self._show(template, self.language_of(contact), status=status, **values)

    def language_of(self, contact: Contact | None) -> str:
        """Tell the language that a contact is answered in."""
        return self._written(contact.locale if contact else None)

    def show_in(self, template: str, locale: str | None, **values: Any) -> HTMLResponse:
        """Show a page to somebody who is no contact yet, in the language of a locale."""
        return self._show(template, self.language_in(locale), **values)

    def language_in(self, locale: str | None) -> str:
        """Tell the language that somebody with a locale is answered in."""
        return self._written(locale)

    def _show(
        self, template: str, language: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        return page(
            template,
            status=status,
            locale=language,
            common=_WORDS[language],
            shop=self._shop,
            **values,
        )

    def _written(self, locale: str | None) -> str:
        language = (locale or self._shop.default_locale).split("-")[0].lower()
        if language not in self._shop.locales:
            language = self._shop.default_locale.split("-")[0]
        return language if language in _WORDS else "en"


@dataclass(frozen=True, kw_only=True)
class LinkRoute:
    """One request to a link: who answers it, and how it stands in the API's description."""

    endpoint: Callable[..., Awaitable[Response]]
    operation_id: str
    summary: str
    reply: str  #: what a 200 brings
    description: str = "Changes nothing, because mail scanners follow every link."
    responses: Mapping[int | str, dict[str, Any]] = field(default_factory=dict)


def link_router(path: str, *, looks: LinkRoute, acts: LinkRoute | None = None) -> APIRouter:
    """Make the routes of a link: GET looks, and POST, if there is anything to do, acts."""
    router = APIRouter(tags=["Links"])
    for method, route in (("GET", looks), ("POST", acts)):
        if route is not None:
            router.add_api_route(
                path,
                route.endpoint,
                methods=[method],
                summary=route.summary,
                description=route.description,
                operation_id=route.operation_id,
                responses={**link_responses(route.reply), **route.responses},
                response_model=None,
            )
    return router


def link_responses(description: str) -> dict[int | str, dict[str, Any]]:
    """Describe the replies of a page behind a link."""
    return {
        200: page_response(description),
        404: page_response("Not a link of ours"),
        413: failure_response("More was posted than a form of ours holds"),
        429: failure_response("This source asks too often", RETRY_AFTER),
        503: failure_response("The database does not answer"),
    }
