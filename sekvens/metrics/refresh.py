"""Keeps what metrics are read from up with the facts: notices, judges people again, counts days.

In small transactions, each with what it leaves to be done, so that a crash at any moment costs one
of them at the most, and doing one twice changes nothing. Several may refresh at once.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.messages.tables import Message
from sekvens.metrics import effects
from sekvens.metrics.counting import asking_for_reviews, count_day, count_month
from sekvens.metrics.increments import keep_days, measured_by_day
from sekvens.metrics.noticing import (
    OVERLAP,
    OVERLAP_OF_QUICK_DAYS,
    judged_by,
    notice,
    unsettled_since,
    with_same_address,
)
from sekvens.metrics.people import judge
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import (
    CartResult,
    ContactResult,
    MetricDay,
    MetricMark,
    OrderResult,
    Period,
)

logger = logging.getLogger(__name__)

#: Rows of one transaction: on SQLite nobody else writes meanwhile.
EVENTS_AT_ONCE: Final = 500
PEOPLE_AT_ONCE: Final = 200
#: A batch ends after the transaction in which this time is over.
BATCH_MAX: Final = timedelta(seconds=10)
FACTS, CLICKS = "facts", "clicks"
#: A mark that is there while all is being made anew.
_UNFINISHED: Final = "anew"
#: What a cursor begins with: events folded, people judged, days counted.
_EVENTS, _PEOPLE, _DAYS = "events/", "people/", "days/"
#: … and, once on each of the shop's days, holdouts measured.
_HOLDOUTS: Final = "holdouts"
#: The first of all, when nothing has been counted yet or all is to be anew.
ANEW: Final = f"{_EVENTS}0"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How far a batch came. Without a cursor all is done."""

    cursor: str | None
    days: int = 0  #: days and months counted


class Refresher:
    """Refreshes in pieces; threads and processes may each have one."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        rules: Rules,
        batch_max: timedelta = BATCH_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._batch_max = batch_max
        is_quick = rules.shop_time.origin is not None
        self._overlap = OVERLAP_OF_QUICK_DAYS if is_quick else OVERLAP

    def refresh(self, *, anew: bool = False, beat: Callable[[], None] = lambda: None) -> int:
        """Do all that there is to do; tell how many days and months were counted."""
        batch = self.batch(ANEW if anew else None, beat)
        days = batch.days
        while batch.cursor is not None:
            batch = self.batch(batch.cursor, beat)
            days += batch.days
        return days

    def batch(self, cursor: str | None, beat: Callable[[], None]) -> Batch:
        """Go on from a cursor for a while; None: notice what has come since the last time."""
        deadline = time.monotonic() + self._batch_max.total_seconds()
        at, days = cursor or self._first(), 0
        with self._database.read() as session:
            asking = asking_for_reviews(session)
        while True:
            step = self._step(at, asking)
            beat()
            days += at == step == _DAYS
            if step is None or time.monotonic() >= deadline:
                return Batch(cursor=step, days=days)
            at = step

    def _first(self) -> str:
        """Tell where to begin: with what is new, or with everything, where that was never done."""
        with self._database.read() as session:
            mark = session.get(MetricMark, FACTS)
            is_whole = session.get(MetricMark, _UNFINISHED) is None
        return f"{_EVENTS}{mark.through_id}/{_DAYS}" if mark and is_whole else ANEW

    def _step(self, at: str, asking: Sequence[str]) -> str | None:
        """Do one transaction's work; tell what comes next, None: nothing."""
        if at == _DAYS:
            return _DAYS if self._count_one(asking) else self._holdouts_due()
        if at == _HOLDOUTS:
            self._measure_holdouts()
            return None
        with self._database.write() as session:
            if at.startswith(_PEOPLE):
                return self._judge_some(session, at.removeprefix(_PEOPLE))
            after, is_update, _ = at.removeprefix(_EVENTS).partition("/")
            if is_update:
                return self._catch_up(session, int(after))
            return self._fold_some(session, int(after))

    def _catch_up(self, session: Session, after: int) -> str:
        """Notice some of what is new; the marks move on with it."""
        now = self._clock.now()
        facts, clicks = (session.get_one(MetricMark, name, with_for_update=True)
                         for name in (FACTS, CLICKS))  # fmt: skip
        query = select(ContactEvent).where(ContactEvent.id > after).order_by(ContactEvent.id)
        events = session.scalars(query.limit(EVENTS_AT_ONCE)).all()
        days = self._effects(session, events)
        people = judged_by(events)
        is_all = len(events) < EVENTS_AT_ONCE
        if is_all:
            found = notice(
                session,
                self._rules,
                since=facts.through_at - self._overlap,
                clicks_since=clicks.through_at - self._overlap,
                now=now,
            )
            people, days = people | found.people, days | found.days
            facts.through_at = now
            clicks.through_at = min(now, unsettled_since(session) or now)
        last = events[-1].id if events else after
        if facts.through_id == after:
            # An event of a transaction that is still open may have a lower number than a young one.
            young = [row.id - 1 for row in events if row.received_at > now - self._overlap]
            facts.through_id = min([last, *young])
        self._soil(session, days | self._judge(session, people))
        return _DAYS if is_all else f"{_EVENTS}{last}/{_DAYS}"

    def _fold_some(self, session: Session, after: int) -> str:
        """Fold the events of all time, some at once."""
        if after == 0:
            self._begin(session)
        query = (
            select(ContactEvent)
            .where(ContactEvent.id > after, ContactEvent.name.in_(effects.EFFECTIVE))
            .order_by(ContactEvent.id)
            .limit(EVENTS_AT_ONCE)
        )
        events = session.scalars(query).all()
        self._effects(session, events)
        return f"{_EVENTS}{events[-1].id}" if events else _PEOPLE

    def _begin(self, session: Session) -> None:
        """Set the marks to where the facts are now: what comes meanwhile is noticed afterwards."""
        now = self._clock.now()
        settled = ContactEvent.received_at <= now - self._overlap
        through = session.scalar(select(func.max(ContactEvent.id)).where(settled)) or 0
        for name, through_id in ((FACTS, through), (CLICKS, 0), (_UNFINISHED, 0)):
            self._mark(session, name, now, through_id)
        session.execute(delete(MetricMark).where(MetricMark.name == _HOLDOUTS))

    @staticmethod
    def _mark(session: Session, name: str, at: datetime, through_id: int = 0) -> None:
        mark = session.get(MetricMark, name, with_for_update=True)
        if mark is None:
            mark = MetricMark(name=name)
            session.add(mark)
        mark.through_at, mark.through_id = at, through_id

    def _judge_some(self, session: Session, after: str) -> str:
        query = select(Contact.id).where(Contact.id > after, Contact.merged_into.is_(None))
        people = session.scalars(query.order_by(Contact.id).limit(PEOPLE_AT_ONCE)).all()
        self._judge(session, set(people))
        if people:
            return f"{_PEOPLE}{people[-1]}"
        self._soil(session, self._all_days(session))
        session.execute(delete(MetricMark).where(MetricMark.name == _UNFINISHED))
        return _DAYS

    def _effects(self, session: Session, events: Collection[ContactEvent]) -> set[date]:
        effective = [row for row in events if row.name in effects.EFFECTIVE]
        return effects.fold(session, effective, self._rules)

    def _judge(self, session: Session, people: Collection[str]) -> set[date]:
        everybody = with_same_address(session, people)
        now = self._rules.shop_time.at(self._clock.now())
        return judge(session, everybody, rules=self._rules, now=now)

    def _soil(self, session: Session, days: Collection[date], period: Period = Period.DAY) -> None:
        """Leave days, or months, to be counted."""
        insert: Any = sqlite.insert if self._database.is_sqlite else postgresql.insert
        for day in sorted(days):
            statement = insert(MetricDay).values(period=period, day=day, is_dirty=True)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["period", "day"], set_={"is_dirty": True}
                )
            )

    def _count_one(self, asking: Sequence[str]) -> bool:
        """Count a day, the newest first, or, when these are done, a month."""
        newest = MetricDay.period, MetricDay.day.desc()
        query = select(MetricDay).where(MetricDay.is_dirty).order_by(*newest).limit(1)
        with self._database.write() as session:
            found = session.scalars(query.with_for_update(skip_locked=True)).first()
            if found is None:
                return False
            found.is_dirty = False
            session.flush()
            if found.period == Period.MONTH:
                count_month(session, found.day)
                return True
            count_day(session, found.day, self._rules, asking=asking)
            self._soil(session, {found.day.replace(day=1)}, Period.MONTH)
        return True

    def _holdouts_due(self) -> str | None:
        with self._database.read() as session:
            mark = session.get(MetricMark, _HOLDOUTS)
        today = self._rules.day_of_wall(self._clock.now())
        is_done = mark is not None and self._rules.day_of_wall(mark.through_at) >= today
        return None if is_done else _HOLDOUTS

    def _measure_holdouts(self) -> None:
        now = self._clock.now()
        with self._database.read() as session:
            found = measured_by_day(session, self._rules, now=self._rules.shop_time.at(now))
        with self._database.write() as session:
            keep_days(session, found)
            self._mark(session, _HOLDOUTS, now)

    def _all_days(self, session: Session) -> set[date]:
        """List today, the days on which there is something to count, and those counted before."""
        instants = (
            Message.sent_on, OrderResult.ordered_at, CartResult.began_at, ContactResult.joined_at,
            Enrollment.ended_at,
        )  # fmt: skip
        found = {self._rules.day_of_wall(self._clock.now())}
        found |= set(session.scalars(select(MetricDay.day).where(MetricDay.period == Period.DAY)))
        for at in instants:
            found |= set(_days_with(session, at, self._rules.day_of, self._rules.span))
        wall = self._rules.day_of_wall, self._rules.wall_span
        return found | set(_days_with(session, Message.claimed_at, *wall))


def _days_with(
    session: Session,
    at: Any,
    day_of: Callable[[datetime], date],
    span: Callable[[date], tuple[datetime, datetime]],
) -> Iterator[date]:
    """List the days on which an instant of a column lies: by its index, from one to the next."""
    found = session.scalar(select(func.min(at)))
    while found is not None:
        day = day_of(found)
        yield day
        found = session.scalar(select(func.min(at)).where(at >= span(day)[1], at > found))
