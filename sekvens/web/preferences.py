"""The preference page: looking at it changes nothing, saving it is in force before it is answered.

It is reached by a link in an e-mail and without a log-in, so it shows choices and never what we
know: no address, no birthday. Whoever was forwarded the e-mail learns nothing from it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import get_month_names
from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.contacts.wishes import Change, change, wishes_of
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.messages.formats import day
from sekvens.messages.links import MessageLink, read_preferences_link, unsubscribe_url
from sekvens.send_time.dates import day_of_year
from sekvens.settings import Settings
from sekvens.web.forms import posted_fields
from sekvens.web.link_pages import LinkPages, LinkRoute, link_router
from sekvens.web.preference_words import LANGUAGES, WORDS
from sekvens.web.wordings import agreed_to


class PreferencePage:
    """Serves the link to a contact's preferences."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._shop_time = settings.shop_time()

    def router(self) -> APIRouter:
        """Make the routes."""
        return link_router(
            "/p/{token}",
            looks=LinkRoute(
                endpoint=self._ask,
                operation_id="ask_preferences",
                summary="What a contact hears about, and how often",
                reply="The choices, with a button",
            ),
            acts=LinkRoute(
                endpoint=self._change,
                operation_id="change_preferences",
                summary="Change what a contact hears about",
                description="By the page's button, with the page's own form fields.",
                reply="The choices as they are now",
            ),
        )

    async def _ask(self, request: Request, token: str) -> Response:
        link = read_preferences_link(self._settings.api, token)
        return await self._pages.answer(request, link, self._look)

    async def _change(self, request: Request, token: str) -> Response:
        link = read_preferences_link(self._settings.api, token)
        fields = await posted_fields(request)
        return await self._pages.answer(request, link, lambda given: self._save(given, fields))

    def _look(self, link: MessageLink) -> Response:
        return self._page(link, stage="ask")

    def _save(self, link: MessageLink, fields: Mapping[str, str]) -> Response:
        now = self._clock.now()
        with self._database.write() as session:
            contact_id = canonical_id(session, link.contact_id)
            contact = session.get(Contact, contact_id)
            if contact is not None and "save" in fields:
                change(
                    session,
                    contact,
                    self._wanted(contact, fields),
                    consent=self._settings.consent,
                    message_id=link.message_id,
                    shop_now=self._shop_time.at(now),
                    now=now,
                )
        wait_for_senders(self._database, {contact_id, link.contact_id}, clock=self._clock)
        return self._page(link, stage="saved" if "save" in fields else "ask")

    def _wanted(self, contact: Contact, fields: Mapping[str, str]) -> Change:
        """Read the form; a field that it did not show says nothing."""
        shop, consent = self._settings.shop, self._settings.consent
        language = self._pages.language_of(contact)
        locale, born = fields.get("locale"), f"--{fields.get('month')}-{fields.get('day')}"
        often = fields.get("often")
        shown = [name for name in consent.topics if f"shows-{name}" in fields]
        return Change(
            topics={name: f"topic-{name}" in fields for name in shown},
            fewer=often == "fewer" if often in ("fewer", "usual") else None,
            pauses=fields.get("pause") == "yes",
            resumes=fields.get("pause") == "no",
            locale=locale if locale in shop.locales else None,
            birthday=born if day_of_year(born) else None,
            agreed=agreed_to(consent, language) if fields.get("again") == "yes" else None,
        )

    def _page(self, link: MessageLink, *, stage: str) -> Response:
        with self._database.read() as session:
            contact = session.get(Contact, canonical_id(session, link.contact_id))
            values = (
                self._values(session, contact)
                if contact
                else {"wishes": None, "paused_until": None}
            )
        language = self._pages.language_of(contact)
        leave = unsubscribe_url(
            self._settings.api, contact_id=link.contact_id, message_id=link.message_id
        )
        return self._pages.show(
            "preferences.html",
            contact,
            stage=stage,
            words=WORDS[language],
            languages=[(each, LANGUAGES.get(each, each)) for each in self._settings.shop.locales],
            spoken=language,
            months=sorted(get_month_names("wide", locale=language).items()),
            topics=self._settings.consent.topics,
            wording=agreed_to(self._settings.consent, language)["wording"],
            leave=leave,
            **values,
        )

    def _values(self, session: Session, contact: Contact) -> dict[str, Any]:
        now = self._shop_time.at(self._clock.now())
        wishes = wishes_of(session, contact, consent=self._settings.consent, now=now)
        return {
            "wishes": wishes,
            "paused_until": self._written(session, contact, wishes.paused_until),
        }

    def _written(self, session: Session, contact: Contact, at: datetime | None) -> str | None:
        if at is None:
            return None
        zone = zone_of(session, contact.id, self._settings.shop)
        # They hear from us again at that instant: the day before is the last that is whole.
        last = (at - timedelta(days=1)).astimezone(ZoneInfo(zone)).date()
        return day(last, locale=self._pages.language_of(contact))
