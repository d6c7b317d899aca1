"""What became of a message: the strongest that was reported, in whatever order it came."""

import itertools
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Suppression
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.feedback.fates import STORIES, FateState, stronger
from sekvens.feedback.tables import Feedback, MessageFate
from sekvens.messages.tables import MessageState
from tests.unit.hearing import HearingOffice
from tests.unit.ingesting import NOON
from tests.unit.sending import ADDRESS
from tests.unit.ses_records import body, bounce, complaint, delivery

ROOT = Path(__file__).parents[2]
PAIRS = list(itertools.combinations(FateState, 2))
TOLD: dict[FateState, dict[str, Any]] = {
    FateState.DELAYED: {
        "event_type": "DeliveryDelay", "recipient": ADDRESS,
        "deliveryDelay": {"delayType": "General"},
    },
    FateState.SOFT_BOUNCED: bounce("Transient", "MailboxFull"),
    FateState.FAILED: bounce("Transient", "ContentRejected"),
    FateState.REJECTED: {"event_type": "Reject", "recipient": ADDRESS, "reject": {"reason": "x"}},
    FateState.DELIVERED: delivery(),
    FateState.BOUNCED: bounce(),
    FateState.COMPLAINED: complaint(),
}  # fmt: skip


@pytest.fixture
def office(sqlite_database: Database) -> HearingOffice:
    return HearingOffice(sqlite_database)


def hear(office: HearingOffice, *bodies: str) -> None:
    for each in bodies:
        office.queue.put(each)
        office.poller.poll_once()


def fate_of(office: HearingOffice, message_id: str) -> MessageFate | None:
    with office.database.read() as session:
        return session.get(MessageFate, message_id)


def test_every_pair_of_states_has_one_that_stays_and_a_story() -> None:
    assert {frozenset(pair) for pair in STORIES} == {frozenset(pair) for pair in PAIRS}
    assert all(stronger(weak, strong) == strong for weak, strong in STORIES)
    assert len(set(STORIES.values())) == len(STORIES)


def test_every_story_stands_in_the_documentation() -> None:
    page = (ROOT / "docs" / "message-lifecycle.md").read_text(encoding="utf-8")

    assert [story for story in STORIES.values() if story not in page] == []


@pytest.mark.parametrize("first", FateState)
def test_the_stronger_report_stays_whichever_comes_first(
    office: HearingOffice, first: FateState
) -> None:
    after = {office.sends_another(tells=False): then for then in FateState}
    for message_id, then in after.items():
        hear(office, *[body(message_id, TOLD[state], at=NOON) for state in (first, then)])

    found = {message_id: fate_of(office, message_id) for message_id in after}
    assert {m: f.state for m, f in found.items() if f} == {
        message_id: stronger(first, then) for message_id, then in after.items()
    }


def world(office: HearingOffice, seed: int, *, whole: list[str]) -> tuple[Any, ...]:
    """Let a shuffled, doubled stream come in batches; tell what it comes to."""
    chances = random.Random(seed)  # noqa: S311  the same each time
    stream = [each for each in whole for _ in range(chances.choice([1, 1, 2]))]
    chances.shuffle(stream)
    for each in stream:
        office.queue.put(each)
        if chances.random() < 0.4:
            office.poller.poll_once()
        if chances.random() < 0.2:
            office.queue.show_again()
    while len(office.queue):
        office.queue.show_again()
        office.poller.poll_once()
    with office.database.read() as session:
        fates = [(f.message_id, f.state, f.detail, f.at) for f in session.scalars(
            select(MessageFate).order_by(MessageFate.message_id))]  # fmt: skip
        suppressed = {s.address_hash: None for s in session.scalars(select(Suppression))}
        facts = sorted(session.scalars(select(ContactEvent.message_id).where(
            ContactEvent.message_id.startswith("ses-"))))  # fmt: skip
        kept = sorted(session.scalars(select(Feedback.id)))
    return fates, suppressed, facts, kept


def test_any_order_and_any_repetition_comes_to_the_same(office: HearingOffice) -> None:
    others = [office.sends_another(tells=False) for _ in range(4)]
    states = [*FateState]
    chances = random.Random(7)  # noqa: S311
    whole = [
        body(message_id, TOLD[chances.choice(states)], at=NOON - timedelta(seconds=number),
             sns_id=f"sns-{message_id}-{number}")
        for message_id in others
        for number in range(5)
    ]  # fmt: skip
    first = world(office, 0, whole=whole)
    with office.database.write() as session:
        for table in (Feedback, MessageFate, Suppression, OutboxEntry, ContactEvent):
            session.query(table).delete()
    second = world(office, 1, whole=list(reversed(whole)))

    assert first == second
    assert len(first[3]) == len(whole)
    assert len(first[2]) >= 1  # or nothing has been suppressed, and nothing tested


def test_a_fate_never_moves_the_ledger_but_to_accepted(office: HearingOffice) -> None:
    message = office.dies(taken=True)
    hear(office, body(message.id, bounce(), at=NOON))

    row = office.message()
    assert (row.state, row.settled_by, row.accepted_at) == (MessageState.ACCEPTED, "event", NOON)
