"""Whatever the order of deaths, delays, events and looks: what the ledger says is what SES did.

Virtual time: hours of it pass in a second. The judge is the list of what SES took.
"""

import random
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.errors import OutcomeUnknown, SesThrottled
from sekvens.flows.outcomes import Deferred, InDoubt
from sekvens.messages.tables import Message, MessageState
from sekvens.ses.testing import FakeSes, TakenThen
from tests.unit.hearing import FEEDBACK, HearingOffice
from tests.unit.ingesting import NOON

DELAY_MAX = timedelta(seconds=FEEDBACK.event_delay_seconds)
STEP = timedelta(seconds=45)
#: Deaths of the worker in the call, and lost answers, with SES having the message or not.
ENDS = (
    TakenThen(KeyboardInterrupt()), TakenThen(OutcomeUnknown()), KeyboardInterrupt(),
    OutcomeUnknown(), SesThrottled(),
)  # fmt: skip


@dataclass
class Fate:
    """What becomes of SES's event of one message that it took."""

    message_id: str
    ses_message_id: str
    due: datetime
    accepted_at: datetime


class World:
    """Many messages, each with a random fate; one step of virtual time after the other."""

    def __init__(self, database: Database, seed: int, *, lost: float, delay: timedelta) -> None:
        self.office = HearingOffice(database)
        self.office.ses.send = self.send  # type: ignore[method-assign]
        self.chances = random.Random(seed)  # noqa: S311  the same worlds each time
        self.lost_share, self.delay = lost, delay
        self.fates: list[Fate] = []
        self.lost: set[str] = set()
        self.heard_of = 0
        self.due: dict[str, tuple[str, datetime]] = {}

    def send(self, **message: Any) -> str:
        """Take a message as the fake does; what fails are messages, not probes."""
        faults = self.office.ses.faults
        if "probe" in message["tags"]:
            self.office.ses.faults = deque()
        try:
            return FakeSes.send(self.office.ses, **message)
        finally:
            self.office.ses.faults = faults

    def begin(self, count: int) -> None:
        self.office.later(-timedelta(minutes=1))
        self.office.sends_another()
        self.heard_of = len(self.office.ses.accepted)
        self.office.later(timedelta(minutes=1))
        for number in range(count):
            name = f"e-{number + 100}"
            self.office.enroll(name, self.office.contact_id)
            starts = NOON + timedelta(minutes=self.chances.uniform(0, 90))
            self.due[name] = (self.chances.choice(["hello", "receipt"]), starts)

    def run(self) -> None:
        while self.due or self.fates:
            assert self.office.clock.now() < NOON + timedelta(hours=12)
            self.look()
            self.tell()
            self.office.later(STEP)
        for _ in range(3):
            self.office.queue.show_again()
            self.office.later(STEP)
            self.office.poller.poll_once()

    def look(self) -> None:
        now = self.office.clock.now()
        for name, (step_id, at) in list(self.due.items()):
            if at > now:
                continue
            if self.chances.random() < 0.5:
                self.office.ses.faults.append(self.chances.choice(ENDS))
            try:
                outcome = self.office.send(step_id, enrollment_id=name, now=now)
            except KeyboardInterrupt:
                self.due[name] = (step_id, now + timedelta(seconds=30))  # a retry by Temporal
                continue
            finally:
                self.office.ses.faults.clear()
            if isinstance(outcome, InDoubt | Deferred):
                self.due[name] = (step_id, outcome.until)
            else:
                del self.due[name]

    def tell(self) -> None:
        """Let SES tell, late, twice, out of order or never; then let somebody read, or not."""
        now = self.office.clock.now()
        for taken in self.office.ses.accepted[self.heard_of :]:
            message_id = taken.tags["message_id"]
            if self.chances.random() < self.lost_share:
                self.lost.add(taken.ses_message_id)
                continue
            due = now + self.chances.random() * self.delay
            self.fates.append(Fate(message_id, taken.ses_message_id, due, now))
        self.heard_of = len(self.office.ses.accepted)
        ready = [fate for fate in self.fates if fate.due <= now]
        self.chances.shuffle(ready)
        for fate in ready:
            self.fates.remove(fate)
            for _ in range(self.chances.choice([1, 1, 2])):
                self.office.puts(
                    fate.message_id, at=fate.accepted_at, ses_message_id=fate.ses_message_id
                )
        for _ in range(self.chances.choice([0, 1, 3])):
            self.office.poller.poll_once()
        if self.chances.random() < 0.2:
            self.office.queue.show_again()

    def rows(self) -> dict[str, Message]:
        with self.office.database.read() as session:
            return {row.id: row for row in session.query(Message)}

    def taken(self) -> Counter[str]:
        return Counter(each.tags["message_id"] for each in self.office.ses.accepted)


def world(database: Database, seed: int, *, lost: float, delay: timedelta) -> World:
    made = World(database, seed, lost=lost, delay=delay)
    made.begin(20)
    made.run()
    return made


@pytest.mark.parametrize("seed", range(3))
def test_with_a_living_stream_every_message_is_accepted_exactly_once(
    sqlite_database: Database, seed: int
) -> None:
    made = world(sqlite_database, seed, lost=0, delay=DELAY_MAX / 2)

    taken, rows = made.taken(), made.rows()
    assert {row.state for row in rows.values()} == {MessageState.ACCEPTED}
    assert {taken[message_id] for message_id in rows} == {1}
    assert any(row.settled_by == "event" for row in rows.values())
    assert any(row.settled_by == "live_stream" for row in rows.values())


@pytest.mark.parametrize("seed", range(3))
def test_with_a_fifth_of_the_events_lost_every_duplicate_is_flagged(
    sqlite_database: Database, seed: int
) -> None:
    made = world(sqlite_database, seed, lost=0.2, delay=DELAY_MAX / 2)

    taken, lost = made.taken(), made.lost
    of_lost = {
        each.tags["message_id"] for each in made.office.ses.accepted if each.ses_message_id in lost
    }
    for message_id, row in made.rows().items():
        assert row.state in (MessageState.ACCEPTED, MessageState.SKIPPED)
        assert taken[message_id] <= 1 or (row.resent_in_doubt and message_id in of_lost)
        assert row.state == MessageState.SKIPPED or taken[message_id] >= 1


def test_in_a_silent_stream_marketing_is_at_most_once_and_order_mail_at_least_once(
    sqlite_database: Database,
) -> None:
    made = world(sqlite_database, 7, lost=1, delay=timedelta(0))

    taken = made.taken()
    for message_id, row in made.rows().items():
        if row.purpose == "marketing":
            assert taken[message_id] <= 1
        else:
            assert taken[message_id] == 1 or (row.resent_in_doubt and taken[message_id] >= 1)
