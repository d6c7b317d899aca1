"""The race: a purchase is posted while a message to the same contact is about to leave.

The mechanism and the judge are those of `tests/chaos/races.py`, where every other fact races too.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.publish import PublishedFlow
from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import Sent, Skipped
from sekvens.messages.tables import MessageState
from sekvens.messages.verdicts import Verdict
from tests.chaos.races import Fact, Races
from tests.unit.ingesting import NOON, alias

PURCHASES = [Fact.PURCHASE] * 40


@pytest.fixture
def races(database: Database) -> Iterator[Races]:
    races = Races(database)
    yield races
    races.close()


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


def buy(races: Races) -> float:
    """Let the one contact who does not race buy; tell when the answer left."""
    return races.api.track("u", "Order Completed", order_id="o-u")


def test_ses_takes_nothing_after_a_purchase_has_been_acknowledged(races: Races) -> None:
    done = races.run(PURCHASES)

    assert not [race for race in done if race.is_lost]
    # Both ends of the race came up, or the judge has judged nothing.
    assert sum(isinstance(race.outcome, Sent) for race in done) >= len(done) // 10
    assert sum(isinstance(race.outcome, Skipped) for race in done) >= len(done) // 10


def test_without_the_lock_the_same_judge_finds_messages_after_the_answer(races: Races) -> None:
    races.office.database.locks = NoLocks()

    assert races.lost_of(PURCHASES[:20])


def test_without_a_second_look_under_the_lock_the_judge_finds_them_too(
    races: Races, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, first, fill = races.sender._look, {}, races.sender._envelope.fill

    def look_once(order: SendInput, published: PublishedFlow) -> Verdict:
        if order.enrollment_id not in first:
            first[order.enrollment_id] = look(order, published)
        return first[order.enrollment_id]

    def fill_slowly(order: SendInput, message_id: str, recipient: str) -> object:
        time.sleep(0.02)
        return fill(order, message_id, recipient)

    monkeypatch.setattr(races.sender, "_look", look_once)
    monkeypatch.setattr(races.sender._envelope, "fill", fill_slowly)

    assert races.lost_of(PURCHASES[:20])


def test_a_purchase_in_the_middle_of_the_call_is_answered_after_the_call(races: Races) -> None:
    answers: list[float] = []
    buyer = threading.Thread(target=lambda: answers.append(buy(races)))

    def buy_and_dawdle(_: str) -> None:
        buyer.start()
        buyer.join(1)  # time enough to have the answer, if it waited for nobody

    races.office.ses.during = buy_and_dawdle
    outcome = races.sender.send(races.office.order())
    buyer.join()

    assert isinstance(outcome, Sent)
    assert races.office.ses.accepted[0].at < answers[0]
    assert races.office.message().state == MessageState.ACCEPTED


def test_a_merge_during_the_call_hides_no_sender_from_the_barrier(races: Races) -> None:
    office, still_waiting = races.office, []
    office.later(timedelta(minutes=1))
    young = office.subscriber("young", "young@kund.example")
    office.enroll("e-young", young)
    buyer = threading.Thread(target=lambda: buy(races))

    def merge_and_buy(_: str) -> None:
        office.shop.post(alias("u", "young"))
        buyer.start()
        buyer.join(0.3)
        still_waiting.append(buyer.is_alive())

    office.ses.during = merge_and_buy
    races.sender.send(office.order(enrollment_id="e-young", contact_id=young))
    buyer.join()

    assert still_waiting == [True]


def test_a_second_merge_during_the_call_hides_no_sender_either(races: Races) -> None:
    # The row is the youngest's, its sender holds the middle one's lock, facts go to the oldest.
    office, still_waiting = races.office, []
    ids = []
    for minute, user in enumerate(("middle", "young"), start=1):
        office.shop.now = NOON + timedelta(minutes=minute)
        ids.append(office.subscriber(user, f"{user}@kund.example"))
    office.enroll("e-young", ids[1])
    office.shop.post(alias("middle", "young"))
    buyer = threading.Thread(target=lambda: buy(races))

    def merge_and_buy(_: str) -> None:
        office.shop.post(alias("u", "middle"))
        buyer.start()
        buyer.join(0.3)
        still_waiting.append(buyer.is_alive())

    office.ses.during = merge_and_buy
    races.sender.send(office.order(enrollment_id="e-young", contact_id=ids[1]))
    buyer.join()

    assert office.shop.contact_id("young") in {office.contact_id, *ids}
    assert still_waiting == [True]


@pytest.mark.parametrize("fact", [Fact.SUPPRESSION, Fact.ERASURE])
@pytest.mark.parametrize("spelt", ["maja.alm@kund.example", "Maja.Alm@Kund.Example"])
def test_who_has_a_suppressed_address_too_is_waited_for(
    races: Races, fact: Fact, spelt: str
) -> None:
    office, answers = races.office, []
    same = office.order(enrollment_id="other", contact_id=office.subscriber("other", spelt))
    forbids = threading.Thread(target=lambda: answers.append(races.happen(fact, same)))

    def suppress_meanwhile(_: str) -> None:
        forbids.start()
        forbids.join(0.3)

    office.ses.during = suppress_meanwhile
    outcome = races.sender.send(office.order())
    forbids.join()

    assert isinstance(outcome, Sent)
    assert office.ses.accepted[0].at < answers[0]
