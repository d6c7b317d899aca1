"""News of products told to whoever waits for them.

Each contact gets one event for each change, by its `messageId`; how far a change has been told is
kept with it, so it may be stopped anywhere. What has sold out again, gone up again or is a day old
is told to nobody.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.events.ingest import record_fact
from sekvens.events.rounds import repeat
from sekvens.events.schema import PRODUCT_BACK_IN_STOCK, PRODUCT_PRICE_DROPPED
from sekvens.flows.shop_time import ShopTime
from sekvens.products.changes import still_stands
from sekvens.products.section import ProductSettings
from sekvens.products.tables import ChangeKind, Product, ProductChange
from sekvens.products.waiting import who_waits

#: Contacts told in one transaction: on SQLite it keeps every other writer waiting.
TOLD_AT_ONCE: Final = 50
#: Changes whose contacts are looked for in one reading of the events.
CHANGES_AT_ONCE: Final = 500
#: So often it is looked whether there is news.
LOOK_EVERY: Final = timedelta(seconds=5)


class ChangeTeller:
    """Tells news of products, beside the relay that carries the facts on.

    Args:
        database: where they are.
        clock: wall time.
        shop_time: how shop time runs.
        news: who counts as waiting, and what is news.
        wake: called when facts were made; the relay need not wait for its next look.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        news: ProductSettings,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._news = news
        self._wake = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Tell news until `stop` is set."""

        async def look() -> int:
            told = await asyncio.to_thread(self.tell_once)
            if not told:
                await _pause(stop)
            return told

        await repeat(look, stop)

    def tell_once(self) -> int:
        """Tell all that is news now; returns how many changes that were."""
        pending = select(ProductChange).where(ProductChange.told_at.is_(None))
        with self._database.read() as session:
            changes = session.scalars(
                pending.order_by(ProductChange.id).limit(CHANGES_AT_ONCE)
            ).all()
            now = self._shop_now()
            standing = [
                each for each in changes if still_stands(session, each, now=now, news=self._news)
            ]
            waiting = who_waits(session, standing, news=self._news)
        for change in changes:
            try:
                self._tell(change.id, waiting.get(change.id, {}))
            except IntegrityError:
                continue  # another relay has just told somebody: the next look goes on behind them
        return len(changes)

    def _tell(self, change_id: int, waiting: Mapping[str, str]) -> None:
        """Tell a change to contacts, in the order of their ids, from where it has come to."""
        mine = select(ProductChange).where(
            ProductChange.id == change_id, ProductChange.told_at.is_(None)
        )
        is_over = False
        while not is_over:
            with self._database.write() as session:
                change = session.scalars(mine.with_for_update(skip_locked=True)).one_or_none()
                if change is None:
                    return  # told, or another relay is at it
                left = sorted(each for each in waiting if each > (change.cursor or ""))
                some = left[:TOLD_AT_ONCE]
                change.contacts += sum(
                    self._record(session, change, each, waiting[each]) for each in some
                )
                change.cursor = some[-1] if some else change.cursor
                is_over = len(some) == len(left)
                if is_over:
                    change.told_at = self._clock.now()
            if some:
                self._wake()

    def _record(
        self, session: Session, change: ProductChange, contact_id: str, because: str
    ) -> bool:
        is_price = change.kind == ChangeKind.PRICE_DROPPED
        told: dict[str, Any] = {"product_id": change.product_id, "because": because}
        if is_price:
            product = session.get_one(Product, change.product_id)
            told |= {"price": change.price, "lowest_price": change.lowest_price}
            told |= {"currency": product.currency}
        return record_fact(
            session,
            contact_id=contact_id,
            name=PRODUCT_PRICE_DROPPED if is_price else PRODUCT_BACK_IN_STOCK,
            message_id=f"product-change/{change.id}/{contact_id}",
            properties=told,
            occurred_at=self._shop_now(),
            now=self._clock.now(),
        )

    def _shop_now(self) -> datetime:
        return self._shop_time.at(self._clock.now())


async def _pause(stop: asyncio.Event) -> None:
    """Wait until the next look, unless `stop` is set before."""
    try:
        async with asyncio.timeout(LOOK_EVERY.total_seconds()):
            await stop.wait()
    except TimeoutError:
        return
