"""A backfill: contacts whose trigger lies in the past, found, counted, and let in one by one.

Each is decided on in the transaction that enrolls them, as any entry is, and the relay starts them.
So it may be stopped anywhere, done again, and done by two at once: nobody enters twice.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from sekvens.backfills.past import Candidate, Left, Place, look_back, stage_of
from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical, known_as
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.enroll import (
    EntryRefusal,
    NotEnrolled,
    admit,
    entry_key_of,
    refusal_of,
    start_of,
)
from sekvens.enrollments.publish import PublishedFlow, live_flow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.errors import SekvensError
from sekvens.events.tables import ContactEvent
from sekvens.flows.codec import to_json
from sekvens.flows.conditions import EventPattern
from sekvens.flows.lots import is_held_out
from sekvens.flows.steps import Mode
from sekvens.modes.setting import mode_now
from sekvens.segments.figures import reorder_gap
from sekvens.settings import Settings
from sekvens.simulator.today import read_today

#: Contacts read at once.
WINDOW: Final = 200
#: Why somebody does not enter who has been in the flow since their trigger.
BEEN_IN: Final = "been_in"
#: … and of whom something has come while the backfill read: a second run finds them.
JUST_ACTIVE: Final = "just_active"
#: What was received before this (wall time) has been committed.
COMMITTED_WITHIN: Final = timedelta(seconds=10)
#: Between two enrollments, so that the relay gets its turn, and on SQLite every writer.
BREATH: Final = timedelta(milliseconds=10)


class NoBackfill(SekvensError):
    """Nobody can be let into this flow afterwards."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Whom a backfill looks for, and where it lets them in."""

    since: timedelta  #: how far back a trigger may lie
    place: Place
    an_hour: int  #: who begins at the start begins at this pace, wall time
    limit: int | None = None


@dataclass(kw_only=True)
class Report:
    """What a backfill has come to, or would."""

    contacts: int = 0  #: looked at
    steps: Counter[str] = field(default_factory=Counter)  #: who enters, by the step they begin at
    refused: Counter[str] = field(default_factory=Counter)  #: who does not, by the reason
    #: shop hour -> first e-mails expected in it; None: no e-mail is known to come
    first_emails: Counter[datetime | None] = field(default_factory=Counter)

    @property
    def entered(self) -> int:
        """Count those who enter."""
        return self.steps.total()


class Backfill:
    """Lets contacts into one live flow whose trigger lies in the past.

    Raises:
        UnknownFlow: nobody may enter a flow of this name.
        NoBackfill: no event starts it.
    """

    def __init__(
        self, database: Database, clock: Clock, settings: Settings, flow: str, terms: Terms
    ) -> None:
        self._database = database
        self._clock = clock
        self._terms = terms
        self._shop_time = settings.shop_time()
        self._read_at = clock.now()
        self._now = self._shop_time.at(self._read_at)
        with database.read() as session:
            self._published = live_flow(session, flow)
            gap = reorder_gap(session)
        self._trigger = _trigger_of(self._published)
        since = self._now - terms.since
        stage = stage_of(self._published.flow, settings, since=since, now=self._now)
        self._stage = replace(stage, reorder_gap=gap)

    def count(self) -> int:
        """Count the contacts who have done what starts the flow, under all their names."""
        with self._database.read() as session:
            which = select(func.count(ContactEvent.contact_id.distinct())).where(*self._triggers())
            return session.scalar(which) or 0

    def is_draft(self) -> bool:
        """Tell whether the flow takes nobody, whoever asks."""
        with self._database.read() as session:
            return mode_now(session, self._published.flow) is Mode.DRAFT

    def run(self, *, rehearses: bool, progress: Callable[[int], None] | None = None) -> Report:
        """Let in who qualifies, or, if it only rehearses, tell who would enter."""
        report = Report()
        for found in self._look_back(report, progress):
            if self._is_full(report):
                break
            if isinstance(found, Left):
                report.refused[found.why] += 1
                continue
            why = self._rehearse(found) if rehearses else self._enroll(found, report.entered)
            if why is not None:
                report.refused[why] += 1
                continue
            report.steps[found.step_id or "-"] += 1
            report.first_emails[self._first_email(found, report.entered - 1)] += 1
        return report

    def _is_full(self, report: Report) -> bool:
        return self._terms.limit is not None and report.entered >= self._terms.limit

    def _look_back(
        self, report: Report, progress: Callable[[int], None] | None
    ) -> Iterator[Candidate | Left]:
        """Go through what would have become of each contact, in the order of their ids."""
        last, seen = "", set[str]()
        while True:
            self._read_at = self._clock.now()
            with self._database.read() as session:
                ids = self._window(session, last)
                if not ids:
                    return
                people = set(canonical(session, ids).values()) - seen
                query = select(Contact).where(Contact.id.in_(people), Contact.erased_at.is_(None))
                contacts = session.scalars(query.order_by(Contact.id)).all()
                todays = read_today(session, contacts, self._stage, until=self._now)
                session.expunge_all()
            last, seen = ids[-1], seen | people
            for today in todays:
                report.contacts += 1
                yield from look_back(self._stage, today, self._terms.place)
            if progress is not None:
                progress(report.contacts)

    def _window(self, session: Session, last: str) -> list[str]:
        query = (
            select(ContactEvent.contact_id)
            .where(*self._triggers(), ContactEvent.contact_id > last)
            .distinct()
            .order_by(ContactEvent.contact_id)
            .limit(WINDOW)
        )
        return [found for found in session.scalars(query) if found is not None]

    def _triggers(self) -> tuple[ColumnElement[bool], ...]:
        return (
            ContactEvent.name == self._trigger.name,
            ContactEvent.contact_id.is_not(None),
            ContactEvent.occurred_at >= self._stage.starts,
            ContactEvent.occurred_at <= self._now,
        )

    def _rehearse(self, found: Candidate) -> str | None:
        with self._database.read() as session:
            ids = known_as(session, [found.contact_id])[found.contact_id]
            if self._has_been_in(session, found, ids):
                return BEEN_IN
            flow = self._published.flow
            refused = refusal_of(
                session, flow, contact_ids=ids, entry_key=found.entry_key, now=self._now
            )
            # A lot that is not drawn yet falls as it will when they enter.
            if refused is None and is_held_out(flow.name, ids[0], flow.holdout):
                return EntryRefusal.HOLDOUT
            return refused

    def _enroll(self, found: Candidate, number: int) -> str | None:
        """Enroll one contact, or tell why not. Alone: with more in hand, two could wait in a ring.

        In turn with the relay: what it has yet to read of the contact finds the enrollment there.
        """
        now = self._clock.now()
        with self._database.write() as session:
            take_turn(session, Turn.EXPAND)
            take_turn(session, Turn.ENROLL, found.contact_id)
            ids = known_as(session, [found.contact_id])[found.contact_id]
            if self._has_been_in(session, found, ids):
                return BEEN_IN
            if self._is_just_active(session, ids):
                return JUST_ACTIVE
            trigger = self._event(session, found, ids)
            if trigger is None:
                return EntryRefusal.GONE
            result = admit(
                session,
                self._published,
                contact_id=found.contact_id,
                entry_key=found.entry_key,
                trigger=trigger,
                learned_at=trigger.occurred_at,  # how old it is has been decided by `since`
                now_wall=now,
                now_shop=self._shop_time.at(now),
            )
            if isinstance(result, NotEnrolled):
                return result.reason
            self._begin(session, found, result, trigger, now=now, number=number)
        time.sleep(BREATH.total_seconds())
        return None

    def _begin(
        self,
        session: Session,
        found: Candidate,
        enrollment: Enrollment,
        trigger: ContactEvent,
        *,
        now: datetime,
        number: int,
    ) -> None:
        """Write the enrollment, and owe it its start: now, in its turn, or in the middle."""
        start = start_of(enrollment, trigger, now)
        if found.state is None:
            enrollment.due_at = now + self._turn(number)
        else:
            flow = self._published.flow
            enrollment.started_at = found.trigger.occurred_at
            enrollment.step_id, enrollment.next_send_at = found.step_id, found.next_send_at
            start.begins = {"version": flow.version, "state": to_json(found.state)}
        session.add(enrollment)
        session.flush()
        session.add(start)

    def _turn(self, number: int) -> timedelta:
        return timedelta(hours=1) / self._terms.an_hour * number

    def _first_email(self, found: Candidate, number: int) -> datetime | None:
        at = found.next_send_at and max(found.next_send_at, self._now)
        if found.state is None:
            wait = self._published.graph.until_next_send(found.step_id)
            speed = self._shop_time.speed
            at = None if wait is None else self._now + self._turn(number) * speed + wait
        return at and at.replace(minute=0, second=0, microsecond=0)

    def _has_been_in(self, session: Session, found: Candidate, ids: tuple[str, ...]) -> bool:
        """Tell whether somebody has been in the flow since their trigger, by this entry key."""
        here = Enrollment.flow == self._published.flow.name, Enrollment.contact_id.in_(ids)
        since = Enrollment.started_at >= found.trigger.occurred_at
        key = Enrollment.entry_key == found.entry_key
        same = key if found.entry_key is not None else Enrollment.entry_key.is_(None)
        return session.scalar(select(Enrollment.id).where(*here, since, same).limit(1)) is not None

    def _is_just_active(self, session: Session, ids: tuple[str, ...]) -> bool:
        """Tell whether something has come of a contact since their past was read."""
        come = ContactEvent.received_at > self._read_at - COMMITTED_WITHIN
        theirs = select(ContactEvent.id).where(ContactEvent.contact_id.in_(ids), come)
        return session.scalar(theirs.limit(1)) is not None

    def _event(
        self, session: Session, found: Candidate, ids: tuple[str, ...]
    ) -> ContactEvent | None:
        """Find the row of a candidate's trigger; None: they have been erased since."""
        query = select(ContactEvent).where(
            ContactEvent.contact_id.in_(ids),
            ContactEvent.name == found.trigger.name,
            ContactEvent.occurred_at == found.trigger.occurred_at,
        )
        rows = session.scalars(query.order_by(ContactEvent.id)).all()
        flow = self._published.flow
        keyed = ((row, entry_key_of(flow, row.properties)) for row in rows)
        return next((row for row, key in keyed if key == found.entry_key), None)


def _trigger_of(published: PublishedFlow) -> EventPattern:
    trigger = published.flow.trigger
    if isinstance(trigger, EventPattern):
        return trigger
    raise NoBackfill(
        f"{published.flow.name} starts from a state of contacts, and its scan finds whoever is in "
        f"it now: `starter.py audiences scan {published.flow.name}`"
    )
