"""The race: a switch is turned while a message under it is about to leave.

The judge compares two instants of one clock: when SES took the message, and when the command that
stops it returned.
"""

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import Deferred, Outcome, Sent
from sekvens.ses.testing import FakeSes
from sekvens.switches import turning
from sekvens.switches.tables import EVERYTHING, SwitchState
from tests.unit.sending import PostOffice
from tests.unit.test_send_race import NoLocks

RACES = 40
#: How long SES takes, and how far apart the two may start: every order of the two comes up.
TAKES = timedelta(milliseconds=20)
APART_MAX = 0.06
STOPPED_WITHIN = 0.25


class Race:
    """One switch and three messages at a time; the switch is turned back after each."""

    def __init__(self, database: Database) -> None:
        self.office = PostOffice(database)
        self.office.ses = FakeSes(takes=TAKES)
        self.sender = self.office.another_sender()
        self.contacts = [
            self.office.subscriber(f"u-{each}", f"u-{each}@kund.example") for each in range(3)
        ]
        self.random = random.Random(20261121)  # noqa: S311  the same races each time

    def run(self, number: int) -> tuple[list[Outcome], float, list[float]]:
        """Tell what became of the messages, when the command returned, and when SES took what."""
        name = (EVERYTHING, "letters")[number % 2]
        orders = [self.order(f"{number}-{contact_id}", contact_id) for contact_id in self.contacts]
        start, outcomes, before = threading.Barrier(4), [], len(self.office.ses.accepted)

        def send(order: SendInput) -> None:
            delay = self.random.uniform(0, APART_MAX)
            start.wait(10)
            time.sleep(delay)
            outcomes.append(self.sender.send(order))

        senders = [threading.Thread(target=send, args=(order,)) for order in orders]
        for sender in senders:
            sender.start()
        delay = self.random.uniform(0, STOPPED_WITHIN)
        start.wait(10)
        time.sleep(delay)
        stopped_at = self.stop(name)
        for sender in senders:
            sender.join()
        self.resume(name)
        return outcomes, stopped_at, [one.at for one in self.office.ses.accepted[before:]]

    def order(self, name: str, contact_id: str) -> SendInput:
        self.office.enroll(f"e-{name}", contact_id)
        return self.office.order(enrollment_id=f"e-{name}", contact_id=contact_id)

    def stop(self, name: str) -> float:
        """Stop as the command does, and tell when it would return."""
        database, now = self.office.database, self.office.clock.now()
        with database.write() as session:
            turning.turn(session, name, SwitchState.STOPPED, by="maja", note=None, now=now)
        turning.let_senders_pass(database, name)
        return time.monotonic()

    def resume(self, name: str) -> None:
        with self.office.database.write() as session:
            turning.end(session, name, by="maja", now=self.office.clock.now())

    def judge(self) -> Iterator[bool]:
        """Race on, and tell of each race whether SES took a message after the command."""
        for number in range(RACES):
            _, stopped_at, taken = self.run(number)
            yield any(at > stopped_at for at in taken)


@pytest.fixture
def race(database: Database) -> Race:
    return Race(database)


def test_ses_takes_nothing_after_a_stop_has_returned(race: Race) -> None:
    results = [race.run(number) for number in range(RACES)]
    outcomes = [outcome for some, _, _ in results for outcome in some]

    assert not [taken for _, stopped, taken in results if any(at > stopped for at in taken)]
    # Both ends of the race came up, or the judge has judged nothing.
    assert sum(isinstance(outcome, Sent) for outcome in outcomes) >= RACES // 4
    assert sum(isinstance(outcome, Deferred) for outcome in outcomes) >= RACES // 4


def test_without_the_lock_the_same_judge_finds_messages_after_the_stop(race: Race) -> None:
    race.office.database.locks = NoLocks()

    assert any(race.judge())


def test_when_senders_share_no_switch_the_judge_finds_them_too(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekvens.messages.send.senders_share", lambda _: ())

    assert any(race.judge())


def test_a_switch_waits_for_a_message_in_the_middle_of_its_call(race: Race) -> None:
    stopped_at: list[float] = []
    operator = threading.Thread(target=lambda: stopped_at.append(race.stop("letters")))
    race.office.ses.during = lambda _: operator.start()
    outcome = race.sender.send(race.office.order())
    operator.join()

    assert isinstance(outcome, Sent)
    assert race.office.ses.accepted[0].at < stopped_at[0]
