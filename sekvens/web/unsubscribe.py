"""The unsubscribe link: looking at it changes nothing, pressing the button (or RFC 8058) does.

Mail scanners follow every link, so GET never commits. POST answers once the fact is committed and
no e-mail to the contact is on its way any more.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.consent import MARKETING
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.events.ingest import record_fact
from sekvens.events.schema import UNSUBSCRIBED
from sekvens.messages.links import UnsubscribeLink, preferences_url, read_unsubscribe_link
from sekvens.settings import Settings
from sekvens.web.forms import form_of
from sekvens.web.link_pages import LinkPages, LinkRoute, link_router

_ONE_CLICK: Final = re.compile(rb"List-Unsubscribe(=|\"\s+)One-Click")


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the pages say, in one language."""

    question: str
    explanation: str
    button: str
    done: str
    done_explanation: str
    changed_mind: str
    rather: str


_WORDS: Final = {
    "sv": _Words(
        question="Vill du sluta få brev från oss?",
        explanation="Du slipper våra utskick från och med nu. Brev om beställningar som du har "
        "gjort (bekräftelse, leverans) kommer ändå fram.",
        button="Ja, avsluta utskicken",
        done="Klart. Du får inga fler utskick från oss.",
        done_explanation="Brev om beställningar som du har gjort kommer förstås ändå fram.",
        changed_mind="Om du ångrar dig är du välkommen tillbaka: anmäl dig bara igen i butiken.",
        rather="Hellre färre brev, eller bara om vissa saker?",
    ),
    "en": _Words(
        question="Would you like to stop hearing from us?",
        explanation="You will get none of our letters from now on. Messages about orders that you "
        "have placed (confirmation, delivery) still reach you.",
        button="Yes, unsubscribe me",
        done="Done. You will get no more letters from us.",
        done_explanation="Messages about orders that you have placed still reach you, of course.",
        changed_mind="Should you change your mind, you are welcome back: just sign up again in the "
        "shop.",
        rather="Rather fewer letters, or only about some things?",
    ),
}


class Unsubscribe:
    """Serves the unsubscribe link."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._shop_time = settings.shop_time()

    def router(self) -> APIRouter:
        """Make the routes."""
        return link_router(
            "/u/{token}",
            looks=LinkRoute(
                endpoint=self._ask,
                operation_id="ask_unsubscribe",
                summary="The question whether to unsubscribe",
                reply="The question, with a button",
            ),
            acts=LinkRoute(
                endpoint=self._unsubscribe,
                operation_id="unsubscribe",
                summary="Unsubscribe",
                description="By the page's button, or in one click by a mail client (RFC 8058).",
                reply="The contact is unsubscribed",
            ),
        )

    async def _ask(self, request: Request, token: str) -> Response:
        link = read_unsubscribe_link(self._settings.api, token)
        return await self._pages.answer(request, link, self._look)

    async def _unsubscribe(self, request: Request, token: str) -> Response:
        link = read_unsubscribe_link(self._settings.api, token)
        body = await form_of(request)
        # Either form that RFC 8058 has a mail client post it in.
        source = "one-click unsubscribe" if _ONE_CLICK.search(body) else "unsubscribe link"
        record = partial(self._record, source=source)
        return await self._pages.answer(request, link, record)

    def _look(self, link: UnsubscribeLink) -> Response:
        with self._database.read() as session:
            contact = session.get(Contact, link.contact_id)
        return self._page("question", contact, link)

    def _record(self, link: UnsubscribeLink, *, source: str) -> Response:
        now = self._clock.now()
        with self._database.write() as session:
            contact_id = canonical_id(session, link.contact_id)
            contact = session.get(Contact, contact_id)
            consent = session.get(Consent, (contact_id, MARKETING))
            # A second press adds nothing; but whoever subscribed again may leave again by the same
            # link, so the fact's id is its own and not the link's.
            if consent is None or consent.status != ConsentStatus.UNSUBSCRIBED:
                record_fact(
                    session,
                    contact_id=contact_id,
                    name=UNSUBSCRIBED,
                    message_id=new_id("unsubscribe"),
                    properties={"source": source, "email_id": link.message_id},
                    occurred_at=self._shop_time.at(now),
                    now=now,
                )
        wait_for_senders(self._database, {contact_id, link.contact_id}, clock=self._clock)
        return self._page("done", contact, link)

    def _page(self, stage: str, contact: Contact | None, link: UnsubscribeLink) -> Response:
        rather = preferences_url(
            self._settings.api, contact_id=link.contact_id, message_id=link.message_id
        )
        return self._pages.show(
            "unsubscribe.html",
            contact,
            stage=stage,
            words=_WORDS[self._pages.language_of(contact)],
            rather=rather,
        )
