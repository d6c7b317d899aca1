"""Retention: who never ordered, and has been suppressed as inactive for long, is erased.

Whoever gives a sign of life in that time is kept. Whether somebody is to be erased is asked again
in the transaction that does it. Copies of e-mails whose time is over are deleted first.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.audiences.wire import EraseBatchResult
from sekvens.clock import Clock
from sekvens.contacts.erase import erase
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import Contact, Suppression, SuppressionReason
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.events.facts import chunks
from sekvens.events.tables import Order
from sekvens.flows.asking import active, all_of, happened, not_
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import copies
from sekvens.segments import sql
from sekvens.segments.audience import candidates, everybody
from sekvens.segments.figures import REORDER_GAP_DEFAULT

#: Contacts looked at in one statement.
WINDOW: Final = 2_000
#: A batch ends after the window in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)


class Retention:
    """Erases, in pieces; called by many threads at once."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        erase_after: timedelta,
        copies_kept_for: timedelta | None = None,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._erase_after = erase_after  #: zero: nobody is erased
        self._copies_kept_for = copies_kept_for  #: None: nobody deletes them here
        self._batch_max = batch_max

    def batch(self, cursor: str | None, beat: Callable[[], None]) -> EraseBatchResult:
        """Look at the contacts behind an id for a while; whoever is due is erased."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        if cursor is None:
            self._forget_copies(beat)
        erased = 0
        while self._erase_after:
            now = self._clock.now()
            with self._database.read() as session:
                ids = session.scalars(everybody(after=cursor).limit(WINDOW)).all()
                until = ids[-1] if ids else None
                due = self._due(session, now, after=cursor, until=until) if ids else []
            for contact_id in due:
                erased += self._erase(contact_id, now)
                beat()
            cursor = until if len(ids) == WINDOW else None
            beat()
            if cursor is None or time.monotonic() >= deadline:
                return EraseBatchResult(cursor=cursor, erased=erased)
        return EraseBatchResult(cursor=None)

    def _forget_copies(self, beat: Callable[[], None]) -> None:
        kept_for, gone = self._copies_kept_for, copies.BATCH
        while kept_for is not None and gone == copies.BATCH:
            with self._database.write() as session:
                gone = copies.forget_old(session, now=self._clock.now(), kept_for=kept_for)
            beat()

    def _erase(self, contact_id: str, now: datetime) -> int:
        with self._database.write() as session:
            if not self._due(session, now, after=None, until=None, only=contact_id):
                return 0
            ids = erase(session, contact_id, now=now, now_shop=self._shop_time.at(now))
        wait_for_senders(self._database, ids, clock=self._clock)
        return 1

    def _due(
        self,
        session: Session,
        now: datetime,
        *,
        after: str | None,
        until: str | None,
        only: str | None = None,
    ) -> Sequence[str]:
        now_shop = self._shop_time.at(now)
        forgettable = all_of(
            not_(happened("Order Completed")), not_(active(within=self._erase_after))
        )
        query = candidates(
            forgettable, now=now_shop, gap=REORDER_GAP_DEFAULT, after=after, until=until
        )
        # A refunded order is an order, too; those of merged contacts are folded into one contact's.
        ordered = select(Order.order_id).where(Order.contact_id == Contact.id).correlate(Contact)
        query = query.where(~ordered.exists())
        if only is not None:
            query = query.where(Contact.id == only)
        people = query.with_only_columns(Contact.id, Contact.email, Contact.suppression_owed)
        rows = session.execute(people).all()
        # Candidates may be too many: whoever is due is asked about exactly.
        return [
            contact_id
            for contact_id in _inactive(session, rows, since=now_shop - self._erase_after)
            if sql.holds(session, forgettable, contact_id=contact_id, now=now_shop)
        ]


def _inactive(session: Session, rows: Sequence[Any], *, since: datetime) -> list[str]:
    """List the contacts of whom it has been so since an instant of shop time."""
    keys = {row.id: key_of_address(row.email) for row in rows if row.email is not None}
    found: set[str] = set()
    for some in chunks(set(keys.values())):
        suppressed = select(Suppression.address_hash).where(
            Suppression.address_hash.in_(some),
            Suppression.reason == SuppressionReason.INACTIVE,
            Suppression.at <= since,
        )
        found.update(session.scalars(suppressed))
    owed = {row.id: row.suppression_owed for row in rows if row.suppression_owed}
    late = {
        contact_id
        for contact_id, said in owed.items()
        if said["reason"] == SuppressionReason.INACTIVE
        and datetime.fromisoformat(said["at"]) <= since
    }
    return sorted({contact_id for contact_id, key in keys.items() if key in found} | late)
