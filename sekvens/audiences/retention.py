"""Retention: contacts whom nobody has a reason to keep are erased.

Who never ordered, and has been suppressed as inactive for long; and who signed up by the form and
never confirmed it. Whoever gives a sign of life in that time is kept, and of those who did not
confirm whoever has an account. Whether somebody is to be erased is asked again in the transaction
that does it. Copies of e-mails whose time is over are deleted first.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.audiences.wire import EraseBatchResult
from sekvens.clock import Clock
from sekvens.contacts.consent import MARKETING
from sekvens.contacts.erase import erase
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    ErasureReason,
    Identity,
    IdentityKind,
    Suppression,
    SuppressionReason,
)
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


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A reason to erase: whom it takes, and so long after what."""

    why: ErasureReason
    after: timedelta  #: shop time; zero: nobody is erased for it
    #: of candidates (contact id, address, what is owed), those of whom it has been so since then
    whom: Callable[[Session, Sequence[Any], datetime], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Contacts by their ids: behind one, up to another; or one alone."""

    after: str | None = None
    until: str | None = None
    only: str | None = None


class Retention:
    """Erases, in pieces; called by many threads at once.

    Args:
        database: where they are.
        clock: wall time.
        shop_time: how shop time runs.
        inactive_after: who never ordered goes so long after being suppressed as inactive.
        unconfirmed_after: … and so long after a sign-up that they never confirmed.
        copies_kept_for: how long copies of e-mails are kept; None: nobody deletes them here.
        batch_max: when a batch ends.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        inactive_after: timedelta = timedelta(0),
        unconfirmed_after: timedelta = timedelta(0),
        copies_kept_for: timedelta | None = None,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        grounds = (
            Ground(why=ErasureReason.INACTIVE, after=inactive_after, whom=_inactive),
            Ground(why=ErasureReason.UNCONFIRMED, after=unconfirmed_after, whom=_unconfirmed),
        )
        self._grounds = [ground for ground in grounds if ground.after]
        self._copies_kept_for = copies_kept_for
        self._batch_max = batch_max

    def batch(self, cursor: str | None, beat: Callable[[], None]) -> EraseBatchResult:
        """Look at the contacts behind an id for a while; whoever is due is erased."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        if cursor is None:
            self._forget_copies(beat)
        erased = 0
        while self._grounds:
            now = self._clock.now()
            with self._database.read() as session:
                ids = session.scalars(everybody(after=cursor).limit(WINDOW)).all()
                until = ids[-1] if ids else None
                span = _Span(after=cursor, until=until)
                grounds = self._grounds if ids else []
                due = [(one, each) for each in grounds for one in self._due(session, each, span)]
            for contact_id, ground in due:
                erased += self._erase(contact_id, ground, now)
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

    def _erase(self, contact_id: str, ground: Ground, now: datetime) -> int:
        with self._database.write() as session:
            if not self._due(session, ground, _Span(only=contact_id)):
                return 0
            ids = erase(
                session,
                contact_id,
                now=now,
                now_shop=self._shop_time.at(now),
                by="retention",
                why=ground.why,
            )
        wait_for_senders(self._database, ids, clock=self._clock)
        return 1

    def _due(self, session: Session, ground: Ground, span: _Span) -> Sequence[str]:
        now_shop = self._shop_time.at(self._clock.now())
        forgettable = all_of(not_(happened("Order Completed")), not_(active(within=ground.after)))
        query = candidates(
            forgettable, now=now_shop, gap=REORDER_GAP_DEFAULT, after=span.after, until=span.until
        )
        # A refunded order is an order, too; those of merged contacts are folded into one contact's.
        ordered = select(Order.order_id).where(Order.contact_id == Contact.id).correlate(Contact)
        query = query.where(~ordered.exists())
        if span.only is not None:
            query = query.where(Contact.id == span.only)
        people = query.with_only_columns(Contact.id, Contact.email, Contact.suppression_owed)
        rows = session.execute(people).all()
        # Candidates may be too many: whoever is due is asked about exactly.
        return [
            contact_id
            for contact_id in ground.whom(session, rows, now_shop - ground.after)
            if sql.holds(session, forgettable, contact_id=contact_id, now=now_shop)
        ]


def _inactive(session: Session, rows: Sequence[Any], since: datetime) -> list[str]:
    """List those who have been suppressed as inactive since an instant of shop time."""
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


def _unconfirmed(session: Session, rows: Sequence[Any], since: datetime) -> list[str]:
    """List those who have not confirmed since an instant of shop time, and have no account."""
    found: set[str] = set()
    for some in chunks({row.id for row in rows}):
        known = select(Identity.contact_id).where(
            Identity.contact_id == Consent.contact_id, Identity.kind == IdentityKind.USER_ID
        )
        pending = select(Consent.contact_id).where(
            Consent.contact_id.in_(some),
            Consent.purpose == MARKETING,
            Consent.status == ConsentStatus.PENDING,
            Consent.changed_at <= since,
            ~known.exists(),
        )
        found.update(session.scalars(pending))
    return sorted(found)
