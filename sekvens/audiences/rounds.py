"""A round over everybody for the segments: who is in each, who has entered or left what flows hear.

It begins with the shop's own figures. Then contacts are looked at in the order of their ids. It may
be stopped anywhere and done again: what a contact owes is decided in the transaction that tells it.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.audiences.figures import keep_send_hours, keep_top_shares
from sekvens.audiences.look_back import flows_in_use
from sekvens.audiences.wire import SegmentsBatchResult
from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical
from sekvens.db.session import Database
from sekvens.enrollments.publish import live_flows
from sekvens.events.ingest import record_fact
from sekvens.events.schema import LEVEL_LAPSED, LEVEL_REACHED, SEGMENT_ENTERED, SEGMENT_LEFT
from sekvens.flows.dealings import TopShare
from sekvens.flows.segments import SEGMENTS
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.survey import conditions, leaves, patterns
from sekvens.segments.audience import everybody
from sekvens.segments.members import members_within
from sekvens.segments.staying import keep_stays
from sekvens.segments.tables import SegmentMembership, SegmentWatch
from sekvens.segments.watching import LEVEL, Watched, all_watchable, note, told_of, turns
from sekvens.shop import Shop

#: Contacts looked at in one statement for each segment.
WINDOW: Final = 2_000
#: Contacts whose turns are told in one transaction; on SQLite it keeps every other writer waiting.
TOLD_AT_ONCE: Final = 50
#: A batch ends after the window in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)


class Rounds:
    """Looks at everybody, in pieces."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        shop: Shop | None,
        window: int = WINDOW,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._shop = shop
        self._window = window
        self._batch_max = batch_max

    def batch(self, cursor: str | None, beat: Callable[[], None]) -> SegmentsBatchResult:
        """Go on behind a contact for a while; None: a round begins."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        if cursor is None:
            self._begin()
        scanned = told = 0
        while True:
            looked, last, turned = self._look(cursor)
            told += self._tell(turned, beat)
            scanned, cursor = scanned + looked, last
            beat()
            if cursor is None or time.monotonic() >= deadline:
                return SegmentsBatchResult(cursor=cursor, scanned=scanned, told=told)

    def _begin(self) -> None:
        now = self._clock.now()
        if self._shop is not None:
            keep_send_hours(self._database, self._shop, now=now, shop_time=self._shop_time)
        with self._database.write() as session:
            shares = _shares(session)
            keep_top_shares(session, shares, now=now, shop_time=self._shop_time)
            _watch(session, wanted(session, self._shop))

    def _look(self, after: str | None) -> tuple[int, str | None, list[str]]:
        """Look at a window: how many were in it, the last of them, and who has turned."""
        now = self._shop_now()
        with self._database.write() as session:
            watches = {row.segment: row for row in session.scalars(select(SegmentWatch)).all()}
            ids = session.scalars(everybody(after=after).limit(self._window)).all()
            last = ids[-1] if len(ids) == self._window else None
            turned: set[str] = set()
            watchable = all_watchable(self._shop)
            inside = _inside(session, watchable.values(), ids, after=after, now=now)
            keep_stays(session, inside, among=ids, now=now)
            for name, watch in watches.items():
                watched = watchable.get(name)
                if watched is None or watched.digest != watch.digest:
                    continue  # a round that begins on this version will watch it
                entered, left = _changes(session, name, inside[name], ids, after=after)
                if watch.complete_at is None:
                    note(session, name, entered=entered, left=left, now=now)
                    self._mark(watch, after, last)
                else:
                    turned |= entered | left
        return len(ids), last, sorted(turned)

    def _mark(self, watch: SegmentWatch, after: str | None, last: str | None) -> None:
        """Move on the first look, if this window follows where it had come to."""
        if watch.cursor == after:
            watch.cursor = last
            if last is None:
                watch.complete_at = self._clock.now()

    def _tell(self, turned: Sequence[str], beat: Callable[[], None]) -> int:
        told = 0
        for start in range(0, len(turned), TOLD_AT_ONCE):
            some = turned[start : start + TOLD_AT_ONCE]
            with self._database.write() as session:
                told += tell(session, some, shop=self._shop, now_wall=self._clock.now(),
                             now_shop=self._shop_now())  # fmt: skip
            beat()
        return told

    def _shop_now(self) -> datetime:
        return self._shop_time.at(self._clock.now())


def _inside(
    session: Session,
    segments: Collection[Watched],
    ids: Sequence[str],
    *,
    after: str | None,
    now: datetime,
) -> dict[str, set[str]]:
    """Tell of each segment which contacts of a window are in it."""
    if not ids:
        return {each.name: set() for each in segments}
    return {
        each.name: members_within(session, each.condition, after=after, until=ids[-1], now=now)
        for each in segments
    }


def _changes(
    session: Session, name: str, are: set[str], ids: Sequence[str], *, after: str | None
) -> tuple[set[str], set[str]]:
    """Tell who of a window has entered a segment that flows listen for, and who has left it."""
    if not ids:
        return set(), set()
    query = select(SegmentMembership.contact_id).where(
        SegmentMembership.segment == name,
        SegmentMembership.until.is_(None),
        SegmentMembership.contact_id.in_(everybody(after=after, until=ids[-1]).order_by(None)),
    )
    were = set(session.scalars(query))
    return are - were, were - are


def tell(
    session: Session,
    contact_ids: Sequence[str],
    *,
    shop: Shop | None,
    now_wall: datetime,
    now_shop: datetime,
) -> int:
    """Record what contacts owe as events, once each; tell how many there were."""
    stand = set(canonical(session, contact_ids).values())
    owed = turns(session, stand, told_of(session, shop), now=now_shop)
    for turn in owed:
        record_fact(
            session,
            contact_id=turn.contact_id,
            name=turn.name,
            message_id=turn.message_id,
            properties=turn.properties,
            occurred_at=turn.occurred_at,
            now=now_wall,
        )
    return len(owed)


def wanted(session: Session, shop: Shop | None) -> list[Watched]:
    """List the segments and levels that flows listen for, those under way included."""
    watchable = all_watchable(shop)
    named: set[str] = set()
    for flow in flows_in_use(session):
        for _, pattern in patterns(flow):
            if pattern.name in (SEGMENT_ENTERED, SEGMENT_LEFT):
                segment = dict(pattern.where).get("segment")
                named |= {segment} if segment else {each.name for each in SEGMENTS}
            elif pattern.name in (LEVEL_REACHED, LEVEL_LAPSED):
                named |= {name for name in watchable if name.startswith(LEVEL)}
    return [watchable[name] for name in watchable if name in named]


def _watch(session: Session, watched: Collection[Watched]) -> None:
    """Begin to watch what is new or has changed, and forget what nobody listens for any more."""
    digests = {each.name: each.digest for each in watched}
    for row in session.scalars(select(SegmentWatch)).all():
        digest = digests.pop(row.segment, None)
        if digest is None:
            session.execute(
                delete(SegmentMembership).where(SegmentMembership.segment == row.segment)
            )
            session.delete(row)
        elif digest != row.digest:
            row.digest, row.cursor, row.complete_at = digest, None, None
    session.add_all(SegmentWatch(segment=name, digest=each) for name, each in digests.items())
    session.flush()


def _shares(session: Session) -> set[float]:
    """List the top shares that the segments and the live flows ask about."""
    asked = [leaf for each in SEGMENTS for leaf in leaves(each.condition)]
    for published in live_flows(session):
        asked += [leaf for _, leaf in conditions(published.flow)]
    return {leaf.share for leaf in asked if isinstance(leaf, TopShare)}
