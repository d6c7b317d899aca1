"""A shop whose feed changes from day to day, and contacts who wait for its products."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.ingest import record_fact
from sekvens.events.tables import ContactEvent
from sekvens.flows.shop_time import ShopTime
from sekvens.products.feeds.item import FeedItem
from sekvens.products.importing import import_products
from sekvens.products.section import ProductSettings
from sekvens.products.tables import ProductChange
from sekvens.products.telling import ChangeTeller
from tests.conftest import NOON

DAY = timedelta(days=1)
TOLD = ("Product Back In Stock", "Product Price Dropped")


class NewsRoom:
    """Imports, contacts and a teller, on one clock that stands until it is moved."""

    def __init__(self, database: Database, **news: Any) -> None:
        self.database = database
        self.news = ProductSettings(**news)
        self.clock = FrozenClock(NOON)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def later(self, span: timedelta) -> None:
        self.clock.move(span)

    def sells(self, product_id: str = "cap", price: str = "100", **more: Any) -> None:
        said = {"line": 2, "title": product_id, "price": Decimal(price), "currency": "SEK"}
        self.imports(FeedItem(product_id=product_id, **(said | more)))

    def imports(self, *items: FeedItem, **more: Any) -> None:
        import_products(
            self.database, items, locale="sv", own_locale="sv", now=self.now, news=self.news,
            **more,
        )  # fmt: skip

    def is_back(self, product_id: str = "cap", *, after: timedelta = 3 * DAY) -> None:
        """Sell it out, and have it back so much later."""
        self.sells(product_id, in_stock=False)
        self.later(after)
        self.sells(product_id)

    def did(self, contact_id: str, name: str, *, ago: timedelta = DAY, **properties: Any) -> None:
        said = {"product_id": "cap"} | properties
        at = self.now - ago
        with self.database.write() as session:
            if session.get(Contact, contact_id) is None:
                session.add(Contact(id=contact_id, created_at=NOON, updated_at=NOON))
                session.flush()
            record_fact(
                session, contact_id=contact_id, name=name, properties=said, occurred_at=at,
                message_id=f"{name}/{contact_id}/{at}/{said['product_id']}", now=self.now,
            )  # fmt: skip

    def teller(self) -> ChangeTeller:
        return ChangeTeller(
            database=self.database, clock=self.clock, shop_time=ShopTime(), news=self.news
        )

    def told(self) -> list[tuple[str, str, str]]:
        """Tell what is news; who has been told what, and because of what, since ever."""
        self.teller().tell_once()
        query = select(ContactEvent).where(ContactEvent.name.in_(TOLD))
        with self.database.read() as session:
            rows = session.scalars(query.order_by(ContactEvent.id))
            return [(str(r.contact_id), r.name, r.properties["because"]) for r in rows]

    def changes(self) -> list[tuple[str, str]]:
        with self.database.read() as session:
            rows = session.scalars(select(ProductChange).order_by(ProductChange.id))
            return [(row.product_id, row.kind) for row in rows]
