"""What the tests of clicks share: a letter with links, whoever reads it, and what became of it."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.engagement.settling import Settler
from sekvens.engagement.tables import Engagement
from sekvens.events.tables import ContactEvent
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.envelope import Envelope
from sekvens.messages.links import read_click_link
from sekvens.messages.send import Sender
from sekvens.messages.tables import MessageLinks
from sekvens.messages.templates import store
from sekvens.sections import SendingSettings
from sekvens.tracking_section import TrackingSettings
from sekvens.web.app import create_app
from tests.unit.composing import sample_shop
from tests.unit.ingesting import track
from tests.unit.sending import API, NO_CALM, PostOffice
from tests.unit.serving import settings

BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
NEWS, PRESS = "https://hallgrensylle.example/nytt?x=1#top", "https://press.example/a"
TAGGED_NEWS = (
    "https://hallgrensylle.example/nytt?x=1&utm_source=sekvens&utm_medium=email"
    "&utm_campaign=letters&utm_content=hello#top"
)
BODY = f"Se [nytt]({NEWS}), [pressen]({PRESS}) och [nytt igen]({NEWS}), [skriv](mailto:m@a.example)"
#: Long enough after the letter for a person.
LATER = timedelta(minutes=10)
IP = "8.8.8.8"


def store_links(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Store templates with two links of the author's."""
    with TemporaryDirectory() as folder:
        for name in names:
            for locale in ("sv", "en"):
                file = Path(folder) / f"{name}.{locale}.md"
                file.parent.mkdir(exist_ok=True)
                head = f"---\nsubject: {name}\npreheader: Några rader\n---\n"
                file.write_text(f"{head}{BODY}\n", encoding="utf-8")
        return store(session, names, now=now, content=Path(folder))


class ClickOffice(PostOffice):
    """A post office whose letters have links, and whose contact allows that clicks are noted."""

    store_templates = staticmethod(store_links)

    def __init__(
        self,
        database: Database,
        *,
        allows: str | None = "clicks",
        flow: Flow | None = None,
        **tracking: Any,
    ) -> None:
        self.tracking = TrackingSettings(**tracking)
        super().__init__(database, flow=flow)
        if allows:
            self.happens("Tracking Allowed", of=allows)

    def another_sender(self, **sending: Any) -> Sender:
        """Build a sender, as each worker process does."""
        rails = SendingSettings(**({"production": True} | NO_CALM | sending))
        envelope = Envelope(
            database=self.database, shop=sample_shop(), api=API, tracking=self.tracking
        )
        return Sender(database=self.database, ses=self.ses, clock=self.clock, envelope=envelope,
                      sending=rails)  # fmt: skip

    def links(self) -> dict[str, str]:
        """Send the letter; tell the path of each link that leads through us, by its id."""
        self.send()
        self.later(LATER)
        html = self.parts()[0]
        paths = re.findall(r'href="https://post\.shop\.example(/c/[^"]+)"', html)
        read = [(read_click_link(API, path.removeprefix("/c/")), path) for path in paths]
        return {link.link_id: path for link, path in read if link is not None}

    def parts(self) -> tuple[str, str]:
        """Read the HTML and the text of the newest letter."""
        mail = self.ses.accepted[-1].mail
        found = [mail.get_body([kind]) for kind in ("html", "plain")]
        html, text = (part.get_content() for part in found if part is not None)
        return html, text

    def targets(self) -> dict[str, str]:
        """Read where the letter's links lead."""
        with self.database.read() as session:
            kept = session.scalar(select(MessageLinks))
        return dict(kept.targets) if kept else {}

    def engagement(self) -> list[Engagement]:
        """List what was noted."""
        with self.database.read() as session:
            return list(session.scalars(select(Engagement).order_by(Engagement.id)))

    def verdicts(self) -> list[str | None]:
        """List the reasons of what was noted; None: a person's."""
        return [row.reason for row in self.engagement()]

    def clicks(self) -> list[dict[str, Any]]:
        """List the clicks that became facts."""
        query = select(ContactEvent).where(ContactEvent.name == "Email Link Clicked")
        with self.database.read() as session:
            return [row.properties for row in session.scalars(query.order_by(ContactEvent.id))]

    def settle(self, after: timedelta = timedelta(seconds=1)) -> int:
        """Let time pass, and settle what is due."""
        self.later(after)
        return self.settler().settle_once()

    def settler(self, **more: Any) -> Settler:
        """Build a settler, as each relay does."""
        return Settler(database=self.database, clock=self.clock, shop_time=ShopTime(), **more)

    def refuses(self) -> None:
        """Let the contact take it back."""
        self.shop.post(track("Tracking Refused"))

    @asynccontextmanager
    async def reader(
        self, *, ip: str = IP, agent: str = BROWSER, **changes: str
    ) -> AsyncIterator[httpx.AsyncClient]:
        """Serve the links to somebody with a browser."""
        app = create_app(settings(**changes), self.database, self.clock)
        transport = httpx.ASGITransport(app, client=(ip, 1234))
        headers = {"user-agent": agent}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            yield client
