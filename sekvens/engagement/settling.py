"""Settling: a click that nothing has shown to be a machine's becomes a fact, and steers.

A scanner's first click looks like a person's until its second comes, so each waits for a moment. A
machine's click that shows too late, after it has steered, is marked as what it was and keeps the id
of its event: such mistakes can be counted. Several may settle at once; each click is settled once.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.engagement.machine import (
    BESIDE_WITHIN,
    BURST_WITHIN,
    TOGETHER,
    Click,
    Reason,
    judge_among,
)
from sekvens.engagement.tables import Engagement, Kind
from sekvens.engagement.visitors import forget_visitors
from sekvens.events.ingest import record_fact
from sekvens.events.rounds import repeat
from sekvens.events.schema import EMAIL_LINK_CLICKED
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.tables import Message, MessageLinks

logger = logging.getLogger(__name__)

#: Clicks settled in one transaction.
BATCH: Final = 100
#: So often visitors are forgotten.
FORGET_EVERY: Final = timedelta(minutes=5)
#: All that says something of a click lies within this time of it.
_AROUND: Final = max(TOGETHER, BESIDE_WITHIN, BURST_WITHIN)


class Settler:
    """Settles clicks, beside the relay that carries the facts on.

    Args:
        database: where they are.
        clock: wall time.
        shop_time: how shop time runs.
        wake: called when facts were made; the relay need not wait for its next look.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._wake = wake
        self._forgets_at: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Settle until `stop` is set, each click at its own instant."""
        await repeat(partial(self._round, stop), stop)

    async def _round(self, stop: asyncio.Event) -> int:
        pending = await asyncio.to_thread(self.next_at)
        if pending is None:
            await asyncio.to_thread(self._forget)
            return 0
        wait = (pending - self._clock.now()).total_seconds()
        if wait > 0:
            # Whatever comes meanwhile settles later than this one.
            await _pause(stop, wait)
        return await asyncio.to_thread(self.settle_once)

    def next_at(self) -> datetime | None:
        """Tell when the next click is to be settled (wall time); None: there is none."""
        query = select(Engagement.settles_at).where(Engagement.settles_at.is_not(None))
        with self._database.read() as session:
            return session.scalar(query.order_by(Engagement.settles_at).limit(1))

    def settle_once(self) -> int:
        """Settle the clicks whose time is over; tell how many."""
        now = self._clock.now()
        due = select(Engagement).where(Engagement.settles_at <= now)
        due = due.order_by(Engagement.settles_at, Engagement.id).limit(BATCH)
        try:
            with self._database.write() as session:
                rows = session.scalars(due.with_for_update(skip_locked=True)).all()
                events = [self._settle(session, row, now=now) for row in rows]
        except IntegrityError:
            return 0  # another relay has just made the same event: the next look finds it
        if any(events):
            self._wake()
        return len(rows)

    def _settle(self, session: Session, row: Engagement, *, now: datetime) -> str | None:
        """Settle one; tell the id of the event that it became, if it did."""
        if row.settles_at is None:
            return None  # one before it in this batch has shown what it is
        row.settles_at = None
        around = _around(session, row)
        reason = judge_among(_click(row), [_click(other) for other in around])
        if reason is None:
            return self._steer(session, row, now=now)
        _mark(row, reason)
        if reason in (Reason.SEVERAL_LINKS, Reason.BURST):
            _mark_all(row, around, reason)
        return None

    def _steer(self, session: Session, row: Engagement, *, now: datetime) -> str:
        """Make the event of a person's click, once for each link and day (UTC, shop time)."""
        occurred_at = self._shop_time.at(row.at)
        message = session.get_one(Message, row.message_id)
        kept = session.get(MessageLinks, row.message_id)
        day = occurred_at.astimezone(UTC).date()
        row.event_id = f"click/{row.message_id}/{row.link_id}/{day}"
        record_fact(
            session,
            contact_id=row.contact_id,
            name=EMAIL_LINK_CLICKED,
            message_id=row.event_id,
            properties={
                "flow": message.flow,
                "step": message.step_id,
                "email_id": message.id,
                "link_id": row.link_id,
                "link_url": kept.targets.get(row.link_id or "") if kept else None,
            },
            occurred_at=occurred_at,
            now=now,
        )
        return row.event_id

    def _forget(self) -> None:
        now = self._clock.now()
        if self._forgets_at is None or now >= self._forgets_at:
            self._forgets_at = now + FORGET_EVERY
            with self._database.write() as session:
                forget_visitors(session, now=now)


def _around(session: Session, row: Engagement) -> Sequence[Engagement]:
    """Read the other clicks that may say something of this one."""
    same = Engagement.message_id == row.message_id
    if row.visitor is not None:
        same = or_(same, Engagement.visitor == row.visitor)
    near = and_(Engagement.at >= row.at - _AROUND, Engagement.at <= row.at + _AROUND)
    query = select(Engagement).where(
        same, near, Engagement.kind == Kind.CLICK, Engagement.id != row.id
    )
    return session.scalars(query.order_by(Engagement.id)).all()


def _mark_all(row: Engagement, around: Iterable[Engagement], reason: Reason) -> None:
    """Mark those who took part: what has steered already is known as a mistake by its event."""
    for other in around:
        apart = abs(other.at - row.at)
        if reason is Reason.SEVERAL_LINKS:
            took_part = (
                other.message_id == row.message_id
                and other.link_id != row.link_id
                and apart <= TOGETHER
            )
        else:
            took_part = other.visitor == row.visitor and apart <= BURST_WITHIN
        if took_part and not other.is_machine:
            _mark(other, reason)


def _mark(row: Engagement, reason: Reason) -> None:
    row.is_machine, row.reason, row.settles_at = True, reason, None
    if row.event_id is not None:
        logger.warning(
            "a click in message %s had steered before it showed to be a machine's (%s)",
            row.message_id,
            reason.value,
            extra={"action": "click_recognised_late", "message_id": row.message_id},
        )


def _click(row: Engagement) -> Click:
    return Click(
        message_id=row.message_id,
        link_id=row.link_id,
        at=row.at,
        visitor=row.visitor,
        is_machine=row.is_machine,
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, unless `stop` is set before."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
