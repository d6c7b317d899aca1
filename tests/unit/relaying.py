"""A small world for the tests of the relay: contacts, what they do, and the flows that listen."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.testing import FakeTemporal
from sekvens.events.relay import Relay
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.flows.builder import (
    MARKETING,
    always,
    event,
    exit_on,
    flow,
    hours,
    send,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason


def store_templates(_session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Stand in for the store of templates: the digest is the name."""
    assert now.tzinfo is UTC
    return {name: f"digest of {name}" for name in names}


def cart_flow(**changes: Any) -> Flow:
    """Make a flow that listens for products, a look at the cart, and an order."""
    settings: dict[str, Any] = {
        "version": 1,
        "purpose": MARKETING,
        "trigger": event("Product Added"),
        "entry_key": "cart_id",
        "reentry": always(),
        "exit_when": [exit_on("Order Completed", ExitReason.CONVERTED)],
        "steps": [
            wait("settle", hours(4), restart_on="Product Added"),
            send("your-cart"),
            wait_for("a-look", event("Cart Viewed"), timeout=hours(4)),
        ],
    }
    return flow("cart", **(settings | changes))


class World:
    """A database with contacts in it, a clock, and a Temporal that fails on request."""

    def __init__(self, database: Database, clock: FrozenClock, *flows: Flow) -> None:
        self.database = database
        self.clock = clock
        self.temporal = FakeTemporal()
        self._events = 0
        with database.write() as session:
            for each in flows:
                publish(session, each, now=clock.now(), store_templates=store_templates)

    def contact(self, contact_id: str, *, merged_into: str | None = None) -> str:
        """Add a contact who subscribed."""
        now = self.clock.now()
        with self.database.write() as session:
            session.add(
                Contact(id=contact_id, merged_into=merged_into, created_at=now, updated_at=now)
            )
            session.flush()
            session.add(
                Consent(
                    contact_id=contact_id,
                    purpose=MARKETING,
                    status=ConsentStatus.SUBSCRIBED,
                    changed_at=now,
                )
            )
        return contact_id

    def happens(
        self,
        contact_id: str,
        name: str,
        *,
        times: int = 1,
        ago: timedelta = timedelta(0),
        message_id: str = "",
        **properties: Any,
    ) -> list[str]:
        """Commit events with their outbox entries, as ingress does; list their `messageId`s."""
        now = self.clock.now()
        first = self._events + 1
        self._events += times
        events = [
            ContactEvent(
                message_id=message_id or f"event-{number}",
                type="track",
                name=name,
                contact_id=contact_id,
                properties=properties,
                occurred_at=now - ago,
                received_at=now,
            )
            for number in range(first, first + times)
        ]
        with self.database.write() as session:
            session.add_all(events)
            session.flush()
            session.add_all(
                OutboxEntry(event_id=e.id, contact_id=contact_id, committed_at=now) for e in events
            )
        return [e.message_id for e in events]

    def relay(self) -> Relay:
        """Start another relay on the same database and the same Temporal."""
        return Relay(self.database, self.temporal, clock=self.clock, shop_time=ShopTime())

    def expand_all(self) -> None:
        """Empty the outbox."""
        relay = self.relay()
        while relay.expand_once():
            pass

    async def deliver_all(self, *, passes: int = 50) -> None:
        """Deliver everything that is owed, moving the clock from pace to pace."""
        relay = self.relay()
        for _ in range(passes):
            while await relay.deliver_once():
                pass
            self.clock.move(timedelta(seconds=1))

    async def relay_all(self) -> None:
        """Relay until nothing is left to do."""
        self.expand_all()
        await self.deliver_all(passes=5)

    def enrollments(self) -> list[Enrollment]:
        """List all enrollments, in the order of their workflow ids."""
        with self.database.read() as session:
            return list(session.scalars(select(Enrollment).order_by(Enrollment.workflow_id)))

    def set(self, enrollment_id: str, **values: Any) -> None:
        """Change an enrollment's row, as its activities do."""
        with self.database.write() as session:
            enrollment = session.get_one(Enrollment, enrollment_id)
            for name, value in values.items():
                setattr(enrollment, name, value)
