"""The race: a purchase is posted while a message to the same contact is about to leave.

The judge compares two instants of one clock: when SES took the message, and when ingest answered.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.publish import PublishedFlow
from sekvens.enrollments.wire import SendInput
from sekvens.events.barrier import pass_through
from sekvens.events.parse import IncomingEvent
from sekvens.events.writer import GroupCommitWriter
from sekvens.flows.outcomes import Outcome, Sent, Skipped
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.gate import Verdict
from sekvens.messages.tables import MessageState
from sekvens.ses.testing import FakeSes
from tests.unit.ingesting import NOON, alias
from tests.unit.sending import PostOffice

RACES = 110
#: How long SES takes, and how far apart the two may start: every order of the two comes up.
TAKES = timedelta(milliseconds=20)
APART_MAX = 0.05
#: Who won gives the other this much more of a start: on a busy machine both still win their share.
FAIR = 0.004


class Race:
    """One purchase and one message at a time; each race is a contact of its own."""

    def __init__(self, database: Database) -> None:
        self.office = PostOffice(database)
        self.office.ses = FakeSes(takes=TAKES)
        self.sender = self.office.another_sender()
        self.writer = GroupCommitWriter(database, self.office.clock, ShopTime())
        self.random = random.Random(20261121)  # noqa: S311  the same races each time
        self.lead = 0.0

    def run(self, number: int) -> tuple[Outcome, float, list[float]]:
        """Tell what became of the message, when ingest answered, and when SES took what."""
        user = f"buyer-{number}"
        contact_id = self.office.subscriber(user, f"{user}@kund.example")
        self.office.enroll(f"e-{user}", contact_id)
        order = self.office.order(enrollment_id=f"e-{user}", contact_id=contact_id)
        start, outcomes = threading.Barrier(2), []
        head_start = self.lead + self.random.uniform(-APART_MAX, APART_MAX)

        def send() -> None:
            start.wait(10)
            time.sleep(max(0.0, -head_start))
            outcomes.append(self.sender.send(order))

        sender = threading.Thread(target=send)
        sender.start()
        start.wait(10)
        time.sleep(max(0.0, head_start))
        answered_at = self.buy(user)
        sender.join()
        taken = [one.at for one in self.office.ses.accepted if one.recipient.startswith(f"{user}@")]
        self.lead += -FAIR if taken else FAIR
        return outcomes[0], answered_at, taken

    def buy(self, user: str) -> float:
        """Post a purchase as the API does, and tell when the answer would leave."""
        purchase = IncomingEvent(
            type="track",
            name="Order Completed",
            message_id=f"order-{user}",
            user_id=user,
            properties={"order_id": f"o-{user}"},
            occurred_at=NOON,
            received_at=NOON,
        )
        ingested = self.writer.submit([purchase]).result(10)
        if ingested.sending:
            patient = timedelta(seconds=8)
            assert pass_through(
                self.office.database, ingested.sending, clock=self.office.clock, timeout=patient
            )
        return time.monotonic()

    def judge(self) -> Iterator[bool]:
        """Race on, and tell of each race whether SES took a message after the answer."""
        for number in range(RACES):
            _, answered_at, taken = self.run(number)
            yield any(at > answered_at for at in taken)


@pytest.fixture
def race(database: Database) -> Iterator[Race]:
    race = Race(database)
    yield race
    race.writer.close()


class NoLocks:
    """Locks that exclude nobody."""

    def hold(
        self, *contact_ids: str, timeout: timedelta, under: Sequence[str] = ()
    ) -> AbstractContextManager[None]:
        assert contact_ids
        assert timeout
        assert under is not None
        return nullcontext()

    def hold_switch(self, name: str, *, timeout: timedelta) -> AbstractContextManager[None]:
        assert name
        assert timeout
        return nullcontext()


def test_ses_takes_nothing_after_a_purchase_has_been_acknowledged(race: Race) -> None:
    results = [race.run(number) for number in range(RACES)]

    assert not [taken for _, answered, taken in results if any(at > answered for at in taken)]
    # Both ends of the race came up, or the judge has judged nothing.
    assert sum(isinstance(outcome, Sent) for outcome, _, _ in results) >= RACES // 10
    assert sum(isinstance(outcome, Skipped) for outcome, _, _ in results) >= RACES // 10


def test_without_the_lock_the_same_judge_finds_messages_after_the_answer(race: Race) -> None:
    race.office.database.locks = NoLocks()

    assert any(race.judge())


def test_without_a_second_look_under_the_lock_the_judge_finds_them_too(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, first, fill = race.sender._look, {}, race.sender._envelope.fill

    def look_once(order: SendInput, published: PublishedFlow) -> Verdict:
        if order.enrollment_id not in first:
            first[order.enrollment_id] = look(order, published)
        return first[order.enrollment_id]

    def fill_slowly(order: SendInput, message_id: str, recipient: str) -> object:
        time.sleep(TAKES.total_seconds())
        return fill(order, message_id, recipient)

    monkeypatch.setattr(race.sender, "_look", look_once)
    monkeypatch.setattr(race.sender._envelope, "fill", fill_slowly)

    assert any(race.judge())


def test_a_purchase_in_the_middle_of_the_call_is_answered_after_the_call(race: Race) -> None:
    answers: list[float] = []
    buyer = threading.Thread(target=lambda: answers.append(race.buy("u")))
    race.office.ses.during = lambda _: buyer.start()
    outcome = race.sender.send(race.office.order())
    buyer.join()

    assert isinstance(outcome, Sent)
    assert race.office.ses.accepted[0].at < answers[0]
    assert race.office.message().state == MessageState.ACCEPTED


def test_a_merge_during_the_call_hides_no_sender_from_the_barrier(race: Race) -> None:
    office, still_waiting = race.office, []
    office.later(timedelta(minutes=1))
    young = office.subscriber("young", "young@kund.example")
    office.enroll("e-young", young)
    buyer = threading.Thread(target=lambda: race.buy("u"))

    def merge_and_buy(_: str) -> None:
        office.shop.post(alias("u", "young"))
        buyer.start()
        buyer.join(0.3)
        still_waiting.append(buyer.is_alive())

    office.ses.during = merge_and_buy
    race.sender.send(office.order(enrollment_id="e-young", contact_id=young))
    buyer.join()

    assert still_waiting == [True]


def test_a_second_merge_during_the_call_hides_no_sender_either(race: Race) -> None:
    # The row is the youngest's, its sender holds the middle one's lock, facts go to the oldest.
    office, still_waiting = race.office, []
    ids = []
    for minute, user in enumerate(("middle", "young"), start=1):
        office.shop.now = NOON + timedelta(minutes=minute)
        ids.append(office.subscriber(user, f"{user}@kund.example"))
    office.enroll("e-young", ids[1])
    office.shop.post(alias("middle", "young"))
    buyer = threading.Thread(target=lambda: race.buy("u"))

    def merge_and_buy(_: str) -> None:
        office.shop.post(alias("u", "middle"))
        buyer.start()
        buyer.join(0.3)
        still_waiting.append(buyer.is_alive())

    office.ses.during = merge_and_buy
    race.sender.send(office.order(enrollment_id="e-young", contact_id=ids[1]))
    buyer.join()

    assert office.shop.contact_id("young") in {office.contact_id, *ids}
    assert still_waiting == [True]
