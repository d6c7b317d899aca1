"""What the tests of ingest share: posting events, and asking what became of them."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from sekvens.contacts.consent import MARKETING
from sekvens.contacts.tables import Consent, Contact, Identity
from sekvens.db.session import Database
from sekvens.events.ingest import Ingested, ingest
from sekvens.events.parse import read_batch
from sekvens.events.tables import Cart, ContactEvent, Order, OutboxEntry
from sekvens.flows.shop_time import ShopTime
from sekvens.shop import Shop as BrandFacts

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


def at(minutes: float) -> str:
    """Tell the timestamp so many minutes before noon."""
    return (NOON - timedelta(minutes=minutes)).isoformat()


def track(event: str, user: str | None = "u", *, ago: float = 0, **more: Any) -> dict[str, Any]:
    """Make a track event; `more` is its properties, but for ids in capitals."""
    ids = {"anonymousId": more.pop("ANON", None), "messageId": more.pop("ID", None)}
    ids["messageId"] = ids["messageId"] or f"m{next(_numbers)}"
    posted = {"type": "track", "event": event, "userId": user, "timestamp": at(ago)}
    return posted | ids | {"properties": more}


def identify(
    user: str | None = "u", *, ago: float = 0, anon: str | None = None, **traits: Any
) -> dict[str, Any]:
    posted = {"type": "identify", "userId": user, "anonymousId": anon, "traits": traits}
    return posted | {"timestamp": at(ago), "messageId": f"m{next(_numbers)}"}


def alias(previous: str, user: str) -> dict[str, Any]:
    message_id = f"m{next(_numbers)}"
    return {"type": "alias", "previousId": previous, "userId": user, "messageId": message_id}


class Shop:
    """A database that events are posted to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.brand: BrandFacts | None = None  #: where rewards for referrals are named

    def post(self, *events: Any) -> Ingested:
        posted = read_batch(json.dumps({"batch": events}).encode(), received_at=self.now)
        with self.database.write() as session:
            return ingest(
                session, posted.events, now=self.now, shop_time=ShopTime(), shop=self.brand
            )

    def contact(self, user: str = "u", kind: str = "user_id") -> Contact | None:
        with self.database.read() as session:
            identity = session.get(Identity, (kind, user))
            return identity and session.get(Contact, identity.contact_id)

    def contact_id(self, user: str = "u") -> str:
        contact = self.contact(user)
        assert contact is not None
        return contact.id

    def consent(self, user: str = "u") -> str | None:
        with self.database.read() as session:
            consent = session.get(Consent, (self.contact_id(user), MARKETING))
            return consent and consent.status

    def cart(self, cart_id: str = "default", user: str = "u") -> Cart:
        with self.database.read() as session:
            cart = session.get(Cart, (self.contact_id(user), cart_id))
            assert cart is not None
            return cart

    def quantities(self, cart_id: str = "default", user: str = "u") -> dict[str, int]:
        return {line["product_id"]: line["quantity"] for line in self.cart(cart_id, user).lines}

    def orders(self, user: str = "u") -> list[tuple[Any, ...]]:
        with self.database.read() as session:
            rows = session.scalars(
                select(Order)
                .where(Order.contact_id == self.contact_id(user))
                .order_by(Order.order_id)
            )
            return [
                (row.order_id, row.state, row.total, row.currency, row.products, row.ordered_at)
                for row in rows
            ]

    def outbox(self, user: str = "u") -> list[str]:
        """Tell the message ids that the relay is owed for a contact, in the order of events."""
        with self.database.read() as session:
            return list(
                session.scalars(
                    select(ContactEvent.message_id)
                    .join(OutboxEntry, OutboxEntry.event_id == ContactEvent.id)
                    .where(OutboxEntry.contact_id == self.contact_id(user))
                    .order_by(ContactEvent.occurred_at, ContactEvent.id)
                )
            )

    def count(self, table: Any) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0
