"""A scan: contacts are looked at in the order of their ids, and who fits is enrolled.

It may be stopped anywhere, done again, and done by two at once: whether a contact enters is decided
in the transaction that enrolls them, so nobody enters twice.
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from sekvens.audiences.figures import keep_reorder_gap
from sekvens.audiences.window import Window, count_everybody, look
from sekvens.audiences.wire import Counts, ScanBatchResult
from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical
from sekvens.db.session import Database
from sekvens.enrollments.enroll import NotEnrolled, admit, start_of
from sekvens.enrollments.publish import PublishedFlow, live_flow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.turns import Turn, try_turn
from sekvens.errors import UnknownFlow
from sekvens.flows.definition import Audience
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Mode
from sekvens.modes.setting import mode_now

#: Contacts enrolled in one transaction, which ends after a time however many are left: on SQLite it
#: keeps every other writer waiting, the API among them.
ENROLLED_AT_ONCE: Final = 100
TRANSACTION_MAX: Final = timedelta(milliseconds=100)
#: A batch ends after the window in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)

#: Told after every transaction and every window how far it came; a repeat may begin from there.
Beat = Callable[[ScanBatchResult], None]


class Scanner:
    """Scans the audiences of live flows; called by many threads at once."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        off: Collection[str] = (),
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._off = off  #: flows that nobody enters
        self._batch_max = batch_max

    def batch(self, flow: str, so_far: ScanBatchResult, beat: Beat) -> ScanBatchResult:
        """Scan on from a cursor for a while; the result adds to what there was so far."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        published = self._live(flow)
        if isinstance(published, str):
            return ScanBatchResult(cursor=None, counts=so_far.counts, stopped=published)
        with self._database.read() as session:
            if mode_now(session, published.flow) is Mode.DRAFT:
                return ScanBatchResult(cursor=None, counts=so_far.counts, stopped="draft")
        cursor, counts, total = so_far.cursor, so_far.counts, so_far.total
        if cursor is None:
            total = self._begin()
        while True:
            with self._database.read() as session:
                window = look(session, published.flow, after=cursor, now=self._shop_now())
            entered = self._enroll(published, window.found, partial(beat, so_far))
            counts = counts.plus(_counts_of(window, entered))
            cursor = window.last
            so_far = ScanBatchResult(cursor=cursor, counts=counts, total=total)
            if cursor is None or time.monotonic() >= deadline:
                return so_far
            beat(so_far)

    def why_nobody(self, flow: str) -> str | None:
        """Say why nobody is to be found for the flow; None if somebody may be."""
        live = self._live(flow)
        return live if isinstance(live, str) else None

    def rehearse(self, flow: str, beat: Beat) -> ScanBatchResult:
        """Look at everybody and enroll nobody; the counts are as if a scan had been."""
        published = self._live(flow)
        if isinstance(published, str):
            return ScanBatchResult(cursor=None, stopped=published)
        so_far = ScanBatchResult(cursor=None)
        while True:
            with self._database.read() as session:
                total = so_far.total if so_far.total is not None else count_everybody(session)
                now = self._shop_now()
                window = look(session, published.flow, after=so_far.cursor, now=now)
            entered = Counts(enrolled=len(window.found))
            counts = so_far.counts.plus(_counts_of(window, entered))
            so_far = ScanBatchResult(cursor=window.last, counts=counts, total=total)
            beat(so_far)
            if so_far.cursor is None:
                return so_far

    def _live(self, name: str) -> PublishedFlow | str:
        """Find the flow's live version, or say why nobody is to be found for it."""
        if name in self._off:
            return "off"
        try:
            with self._database.read() as session:
                published = live_flow(session, name)
        except UnknownFlow:
            return "not_published"
        return published if isinstance(published.flow.trigger, Audience) else "no_audience"

    def _begin(self) -> int:
        with self._database.write() as session:
            keep_reorder_gap(session, now=self._clock.now(), shop_time=self._shop_time)
        with self._database.read() as session:
            return count_everybody(session)

    def _enroll(
        self, published: PublishedFlow, found: Sequence[str], beat: Callable[[], None]
    ) -> Counts:
        counts, left, busy = Counts(), list(found), list[str]()
        while left:
            with self._database.write() as session:
                transaction = _Transaction(session, published, self._clock.now(), self._shop_now())
                done = transaction.enroll(left[:ENROLLED_AT_ONCE])
            counts, left = counts.plus(transaction.counts), left[done:]
            busy += transaction.busy
            beat()
        for contact_id in busy:
            # Waited for alone: with more contacts in hand, two could wait for one another.
            with self._database.write() as session:
                transaction = _Transaction(session, published, self._clock.now(), self._shop_now())
                transaction.enroll([contact_id], patient=True)
            counts = counts.plus(transaction.counts)
        return counts

    def _shop_now(self) -> datetime:
        return self._shop_time.at(self._clock.now())


class _Transaction:
    """Enrolls some contacts in one transaction; nothing counts until it has committed."""

    def __init__(
        self, session: Session, published: PublishedFlow, now_wall: datetime, now_shop: datetime
    ) -> None:
        self._session = session
        self._published = published
        self._now_wall = now_wall
        self._now_shop = now_shop
        self.counts = Counts()
        self.busy: list[str] = []  #: somebody else is enrolling them at this moment

    def enroll(self, contact_ids: Sequence[str], *, patient: bool = False) -> int:
        """Enroll as many as there is time for; tell how many have been dealt with."""
        deadline = time.monotonic() + TRANSACTION_MAX.total_seconds()
        # A merge may have come between: the contact that stands now is meant.
        stands = canonical(self._session, contact_ids)
        entered: list[Enrollment] = []
        done = 0
        for contact_id in contact_ids:
            whose = stands[contact_id]
            done += 1
            if not patient and not try_turn(self._session, Turn.ENROLL, whose):
                self.busy.append(contact_id)
                continue
            result = self._admit(whose)
            if isinstance(result, Enrollment):
                self._session.add(result)
                self._session.flush()
                entered.append(result)
            else:
                self.counts = self.counts.plus(Counts(refused={result.reason.value: 1}))
            if time.monotonic() >= deadline:
                break
        self._session.add_all(start_of(each, None, self._now_wall) for each in entered)
        self.counts = self.counts.plus(Counts(enrolled=len(entered)))
        return done

    def _admit(self, contact_id: str) -> Enrollment | NotEnrolled:
        return admit(
            self._session,
            self._published,
            contact_id=contact_id,
            entry_key=None,
            trigger=None,
            learned_at=self._now_shop,
            now_wall=self._now_wall,
            now_shop=self._now_shop,
            by_scan=True,
        )


def _counts_of(window: Window, entered: Counts) -> Counts:
    return Counts(scanned=window.scanned).plus(window.refused).plus(entered)
