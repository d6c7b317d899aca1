"""A small shop for the tests of scans: many contacts, and a flow that starts from a state."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from sekvens.audiences.scan import Scanner
from sekvens.audiences.wire import Counts, ScanBatchResult
from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent
from sekvens.flows.asking import lapsed, subscribed
from sekvens.flows.builder import MARKETING, after, audience, days, exit_on, flow, send, wait
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from tests.unit.relaying import World, store_templates

START = ScanBatchResult(cursor=None)
A_DAY = timedelta(days=1)


def comeback(**changes: Any) -> Flow:
    """Make a flow for customers who have been away for long."""
    settings: dict[str, Any] = {
        "version": 1,
        "purpose": MARKETING,
        "trigger": audience("quiet", lapsed()),
        "entry": [subscribed()],
        "reentry": after(days(180)),
        "exit_when": [exit_on("Order Completed", ExitReason.CONVERTED)],
        "steps": [wait("a-day", days(1)), send("hello-again")],
    }
    return flow("comeback", **(settings | changes))


class Shop(World):
    """A world with a scanner."""

    def __init__(self, database: Database, clock: FrozenClock, **changes: Any) -> None:
        super().__init__(database, clock)
        self.publish(**changes)

    def publish(self, **changes: Any) -> None:
        """Publish a version of the flow."""
        with self.database.write() as session:
            publish(
                session, comeback(**changes), now=self.clock.now(), store_templates=store_templates
            )

    def customers(self, *contact_ids: str, ago: timedelta = timedelta(days=100)) -> None:
        """Add contacts who subscribed, and ordered so long ago."""
        now = self.clock.now()
        told = {"created_at": now, "updated_at": now}
        given = {"purpose": MARKETING, "status": ConsentStatus.SUBSCRIBED, "changed_at": now}
        with self.database.write() as session:
            session.execute(
                insert(Contact),
                [{"id": ident, "traits": {}, "traits_at": {}, **told} for ident in contact_ids],
            )
            session.execute(
                insert(Consent), [{"contact_id": ident, **given} for ident in contact_ids]
            )
        self.order(*contact_ids, ago=ago)

    def order(self, *contact_ids: str, ago: timedelta = timedelta(0)) -> None:
        """Let contacts order, without telling the relay."""
        now = self.clock.now()
        rows = [
            {"message_id": f"{ident}-{now - ago}", "type": "track", "name": "Order Completed",
             "contact_id": ident, "properties": {}, "occurred_at": now - ago, "received_at": now}
            for ident in contact_ids
        ]  # fmt: skip
        with self.database.write() as session:
            session.execute(insert(ContactEvent), rows)

    def end_all(self) -> None:
        """End every enrollment."""
        with self.database.write() as session:
            session.execute(update(Enrollment).values(state=EnrollmentState.ENDED))

    def scanner(self, *, off: Sequence[str] = (), batch_max: timedelta = A_DAY) -> Scanner:
        """Make another scanner on the same database."""
        return Scanner(
            database=self.database,
            clock=self.clock,
            shop_time=ShopTime(),
            off=off,
            batch_max=batch_max,
        )

    def scan(self) -> Counts:
        """Scan everybody."""
        return self.scanner().batch("comeback", START, lambda _so_far: None).counts

    def entered(self) -> list[str]:
        """List who was enrolled, each as often as they were."""
        return sorted(row.contact_id for row in self.enrollments())
