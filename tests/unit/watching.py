"""A shop whose flows listen for segments, for the tests of entering and leaving them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from sekvens.audiences.rounds import Rounds
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.testing import FakeTemporal
from sekvens.events.relay import Relay
from sekvens.events.tables import ContactEvent
from sekvens.flows.builder import MARKETING, always, days, exit_on, flow, send, wait
from sekvens.flows.conditions import EventPattern
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Level
from sekvens.shop import Shop as Brand
from tests.unit.ingesting import NOON, Shop, track
from tests.unit.relaying import store_templates

DAY = timedelta(days=1)
TOLD = ("Segment Entered", "Segment Left", "Loyalty Level Reached", "Loyalty Level Lapsed")


def brand(*levels: Level) -> Brand:
    """The sample shop with other levels."""
    import msgspec

    shop = load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}).shop
    return msgspec.structs.replace(shop, levels=levels)


class Watching(Shop):
    """A shop with flows that wait for segments, and rounds that look at everybody."""

    def __init__(self, database: Database, *triggers: EventPattern, levels: Any = ()) -> None:
        super().__init__(database)
        self.clock = FrozenClock(NOON)
        self.brand = brand(*levels)
        self._posted = 0
        for number, trigger in enumerate(triggers):
            self.listen(f"flow-{number}", trigger)

    def listen(self, name: str, trigger: EventPattern) -> None:
        """Publish a flow that begins there."""
        made = flow(
            name,
            version=1,
            purpose=MARKETING,
            trigger=trigger,
            reentry=always(),
            exit_when=[exit_on("Order Refunded", ExitReason.CANCELLED)],
            steps=[wait("a-day", days(1)), send("hello")],
        )
        with self.database.write() as session:
            publish(session, made, now=NOON, store_templates=store_templates)

    def later(self, days_later: float) -> None:
        self.clock.move(days_later * DAY)
        self.now = self.clock.now()

    def orders(self, user: str, total: float = 100, *, days_ago: float = 0, **more: Any) -> None:
        self._posted += 1
        told = {"order_id": f"o{self._posted}", "total": total, "ID": f"o{self._posted}"} | more
        ago = (NOON - (self.now - days_ago * DAY)) / timedelta(minutes=1)
        self.post(track("Order Completed", user, ago=ago, **told))

    def rounds(self, **changes: Any) -> Rounds:
        return Rounds(database=self.database, clock=self.clock, shop_time=ShopTime(),
                      shop=self.brand, **changes)  # fmt: skip

    def round(self, **changes: Any) -> int:
        """Go round once, however many batches it takes; tell how much was told."""
        told, cursor = 0, None
        while True:
            done = self.rounds(**changes).batch(cursor, lambda: None)
            told, cursor = told + done.told, done.cursor
            if cursor is None:
                return told

    def told(self, user: str) -> list[tuple[str, Any]]:
        """List what was told of a contact: the event, and the segment or level."""
        query = select(ContactEvent.name, ContactEvent.properties).where(
            ContactEvent.contact_id == self.contact_id(user), ContactEvent.name.in_(TOLD)
        )
        with self.database.read() as session:
            rows = session.execute(query.order_by(ContactEvent.id)).all()
        return [(name, told.get("segment", told.get("level"))) for name, told in rows]

    def entered(self) -> list[tuple[str, str]]:
        """Let the relay work, and list who is in which flow."""
        relay = Relay(self.database, FakeTemporal(), clock=self.clock, shop_time=ShopTime())
        while relay.expand_once():
            pass
        with self.database.read() as session:
            rows = session.execute(select(Enrollment.flow, Enrollment.contact_id)).all()
        return [(flow_name, whose) for flow_name, whose in rows]
