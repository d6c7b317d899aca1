"""The link that confirms a sign-up: looking at it asks, pressing the button subscribes.

Mail scanners follow every link, so GET never commits: a consent that a machine gave is none.
"""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.confirming import Confirmable, confirm, confirmable
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.messages.links import ConfirmLink, is_marked, read_confirm_link
from sekvens.settings import Settings
from sekvens.web.link_pages import LinkPages, LinkRoute, link_router


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the pages say, in one language."""

    question: str
    explanation: str
    button: str
    done: str
    done_explanation: str
    guide: str
    over: str
    over_explanation: str
    again: str


_WORDS: Final = {
    "sv": _Words(
        question="Är det du som vill ha brev från oss?",
        explanation="Tryck på knappen, så vet vi att adressen är din.",
        button="Ja, det är jag",
        done="Tack. Då skriver vi till dig.",
        done_explanation="Det första brevet är på väg. Vill du sluta finns det en länk längst ner "
        "i varje brev.",
        guide="Här är guiden",
        over="Den här länken gäller inte längre",
        over_explanation="Det har gått för lång tid sedan du anmälde dig, eller så har du sagt nej "
        "sedan dess. Du är välkommen att anmäla dig igen.",
        again="Anmäl dig på nytt",
    ),
    "en": _Words(
        question="Is it you who would like our letters?",
        explanation="Press the button, and we know that the address is yours.",
        button="Yes, it is me",
        done="Thank you. We shall write to you.",
        done_explanation="The first letter is on its way. There is a link at the bottom of each, "
        "should you want no more.",
        guide="Here is the guide",
        over="This link no longer holds",
        over_explanation="It has been too long since you signed up, or you have said no since. You "
        "are welcome to sign up again.",
        again="Sign up again",
    ),
}


class Confirm:
    """Serves the link that confirms a sign-up."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._shop_time = settings.shop_time()

    def router(self) -> APIRouter:
        """Make the routes."""
        return link_router(
            "/confirm/{token}",
            looks=LinkRoute(
                endpoint=self._ask,
                operation_id="ask_confirm",
                summary="The question whether a sign-up was theirs",
                reply="The question, with a button",
            ),
            acts=LinkRoute(
                endpoint=self._confirm,
                operation_id="confirm",
                summary="Confirm a sign-up",
                description="By the page's button.",
                reply="The contact is subscribed",
            ),
        )

    async def _ask(self, request: Request, token: str) -> Response:
        link = read_confirm_link(self._settings.api, token)
        return await self._pages.answer(request, link, self._look)

    async def _confirm(self, request: Request, token: str) -> Response:
        link = read_confirm_link(self._settings.api, token)
        return await self._pages.answer(request, link, self._record)

    def _look(self, link: ConfirmLink) -> Response:
        with self._database.read() as session:
            contact = self._contact(session, link)
            stands = self._stands(session, contact)
        return self._page(stands, contact)

    def _record(self, link: ConfirmLink) -> Response:
        try:
            stands, contact = self._store(link)
        except IntegrityError:
            # Two presses at one instant: the other one is stored now, and counts.
            stands, contact = self._store(link)
        whose = {contact.id, link.contact_id} if contact else {link.contact_id}
        wait_for_senders(self._database, whose, clock=self._clock)
        return self._page(stands, contact)

    def _store(self, link: ConfirmLink) -> tuple[Confirmable, Contact | None]:
        now = self._clock.now()
        with self._database.write() as session:
            contact = self._contact(session, link)
            stands = self._stands(session, contact)
            if stands is not Confirmable.YES or contact is None:
                return stands, contact
            shop_now = self._shop_time.at(now)
            confirm(session, contact, message_id=link.message_id, shop_now=shop_now, now=now)
            return Confirmable.DONE, contact

    def _contact(self, session: Session, link: ConfirmLink) -> Contact | None:
        """Find whom a link is for: nobody, if they have another address than it was sent to."""
        contact = session.get(Contact, canonical_id(session, link.contact_id))
        if contact is None or contact.email is None:
            return None
        theirs = is_marked(self._settings.api, link.address_mark, address=contact.email)
        return contact if theirs else None

    def _stands(self, session: Session, contact: Contact | None) -> Confirmable:
        return confirmable(session, contact, now=self._shop_time.at(self._clock.now()))

    def _page(self, stands: Confirmable, contact: Contact | None) -> Response:
        language = self._pages.language_of(contact)
        guide = self._settings.shop.guide
        return self._pages.show(
            "confirm.html",
            contact,
            stage=stands.value,
            words=_WORDS[language],
            guide_url=guide.url.get(language) or next(iter(guide.url.values())),
            guide_title=guide.title.get(language) or next(iter(guide.title.values())),
            sign_up_url=f"{self._settings.api.public_url.rstrip('/')}/subscribe",
        )
