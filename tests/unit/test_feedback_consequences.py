"""What SES reports is acted on: at once, once, and against whom it is about."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from sekvens.contacts.consent import MARKETING
from sekvens.contacts.erase import erase
from sekvens.contacts.tables import Consent, Suppression, address_hash
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.events import barrier
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.feedback import intake, taking
from sekvens.feedback.tables import MessageFate
from sekvens.flows.outcomes import Skipped
from sekvens.messages.tables import MessageCopy, MessageState
from tests.unit.hearing import SECOND, HearingOffice
from tests.unit.ingesting import NOON, identify
from tests.unit.sending import ADDRESS
from tests.unit.ses_records import body, bounce, complaint, delivery

SUBSCRIPTION: dict[str, Any] = {
    "event_type": "Subscription", "recipient": ADDRESS,
    "subscription": {"newTopicPreferences": {"unsubscribeAll": True}},
}  # fmt: skip


@pytest.fixture
def office(database: Database) -> HearingOffice:
    return HearingOffice(database)


def hears(office: HearingOffice, told: dict[str, Any], message_id: str = "", **more: Any) -> None:
    """Let SES tell something of a message, the contact's first unless said else."""
    which = message_id or office.message().id
    office.queue.put(body(which, told, at=office.clock.now(), **more))
    office.poller.poll_once()


def suppressions(office: HearingOffice) -> dict[str, str]:
    with office.database.read() as session:
        return {row.address_hash: row.reason for row in session.scalars(select(Suppression))}


def facts(office: HearingOffice, name: str = "Contact Suppressed") -> list[ContactEvent]:
    with office.database.read() as session:
        query = select(ContactEvent).where(ContactEvent.name == name)
        return list(session.scalars(query.order_by(ContactEvent.id)))


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(each, "action", "") for each in caplog.records]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (bounce(), "bounce"),
        (bounce("Permanent", "OnAccountSuppressionList"), "bounce"),
        (bounce("Permanent", "EmailValidationSuppressed"), "invalid"),
        (complaint(), "complaint"),
    ],
    ids=["hard bounce", "SES's own list", "no such mailbox", "complaint"],
)
def test_a_hard_bounce_or_a_complaint_suppresses_at_once_and_is_owed_to_the_relay(
    office: HearingOffice, told: dict[str, Any], reason: str
) -> None:
    office.send()
    hears(office, told)
    (fact,) = facts(office)
    with office.database.read() as session:
        owed = session.scalar(select(OutboxEntry.event_id).where(OutboxEntry.event_id == fact.id))

    assert suppressions(office) == {address_hash(ADDRESS): reason}
    assert (fact.contact_id, fact.properties["reason"]) == (office.contact_id, reason)
    assert fact.properties["email_id"] == office.message().id
    assert owed == fact.id  # the relay ends the contact's flows
    assert office.send("receipt") == Skipped(reason="suppressed", exit=None)


def test_a_report_that_is_told_again_by_the_other_door_is_one_fact(office: HearingOffice) -> None:
    office.send()
    for sns_id in ("sns-1", None, "sns-2"):
        hears(office, bounce(), sns_id=sns_id)

    assert len(facts(office)) == 1
    assert len(office.feedback()) == 3


def test_an_address_that_bounced_is_suppressed_and_not_the_one_that_the_contact_has_now(
    office: HearingOffice,
) -> None:
    office.send()
    office.later(SECOND)
    office.shop.post(identify("u", email="new@kund.example"))
    hears(office, bounce())

    assert suppressions(office) == {address_hash(ADDRESS): "bounce"}
    assert facts(office) == []


def test_everybody_who_has_the_address_hears_of_it(office: HearingOffice) -> None:
    other = office.subscriber("other", ADDRESS)
    office.send()
    hears(office, bounce())

    assert {fact.contact_id for fact in facts(office)} == {office.contact_id, other}


def test_a_report_that_names_a_stranger_is_held_against_nobody(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office.send()
    stranger = bounce(recipient="somebody@else.example") | {"recipient": ADDRESS}
    hears(office, stranger)

    assert suppressions(office) == {}
    assert "feedback_unmatched" in actions(caplog)
    assert "else.example" not in caplog.text


@pytest.mark.parametrize(
    "told",
    [
        bounce(said="smtp; 550 5.7.515 Access denied"),
        bounce("Transient", "MessageTooLarge"),
        complaint("not-spam"),
        {"event_type": "Reject", "recipient": ADDRESS, "reject": {"reason": "Bad content"}},
        {"event_type": "Rendering Failure", "recipient": ADDRESS, "failure": {}},
        {"event_type": "DeliveryDelay", "recipient": ADDRESS, "deliveryDelay": {}},
        delivery(),
    ],
    ids=["5.7.515", "too large", "not spam", "virus", "rendering", "delay", "delivery"],
)
def test_what_is_no_fault_of_the_contact_blames_nobody(
    office: HearingOffice, told: dict[str, Any]
) -> None:
    office.send()
    hears(office, told)

    assert (suppressions(office), facts(office)) == ({}, [])


def test_a_fault_of_ours_alarms_once_an_hour_and_not_for_each_receiver(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    refused = bounce(said="smtp; 550 5.7.515 Access denied")
    for _ in range(3):
        hears(office, refused, office.sends_another(tells=False))
    within = actions(caplog).count("feedback_alarm")
    office.later(timedelta(hours=2))
    hears(office, refused, office.sends_another(tells=False))

    assert within == 1
    assert actions(caplog).count("feedback_alarm") == 2
    [first, *_] = [
        each for each in caplog.records if getattr(each, "action", "") == "feedback_alarm"
    ]
    assert (first.levelno, "5.7.515" in first.getMessage()) == (logging.ERROR, True)


def bounce_softly(office: HearingOffice, times: int) -> None:
    for _ in range(times):
        office.later(timedelta(days=1))
        hears(office, bounce("Transient", "MailboxFull"), office.sends_another(tells=False))


def test_the_seventh_soft_bounce_in_a_row_suppresses(office: HearingOffice) -> None:
    bounce_softly(office, 6)
    after_six = suppressions(office)
    bounce_softly(office, 1)

    assert after_six == {}
    assert suppressions(office) == {address_hash(ADDRESS): "bounce"}
    assert len(facts(office)) == 1


def test_a_delivery_between_soft_bounces_begins_the_count_anew(office: HearingOffice) -> None:
    bounce_softly(office, 6)
    office.later(timedelta(days=1))
    hears(office, delivery(), office.sends_another(tells=False))
    bounce_softly(office, 6)

    assert suppressions(office) == {}


def test_an_out_of_office_reply_is_no_soft_bounce(office: HearingOffice) -> None:
    for _ in range(8):
        message_id = office.sends_another(tells=False)
        office.later(timedelta(days=1))
        hears(office, bounce("Transient", "General"), message_id)
        hears(office, delivery(), message_id)

    assert suppressions(office) == {}


def test_who_unsubscribes_at_ses_is_unsubscribed_here(office: HearingOffice) -> None:
    office.send()
    hears(office, SUBSCRIPTION)
    with office.database.read() as session:
        consent = session.get_one(Consent, (office.contact_id, MARKETING))

    assert consent.status == "unsubscribed"
    assert len(facts(office, "Unsubscribed")) == 1


def test_nothing_is_taken_out_of_the_queue_before_senders_have_let_go(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.send()
    waited: list[tuple[frozenset[str], int]] = []

    def wait(_database: Database, contact_ids: frozenset[str], **_: Any) -> bool:
        waited.append((contact_ids, len(office.queue)))
        return True

    monkeypatch.setattr(taking, "wait_for_senders", wait)
    hears(office, bounce())

    assert taking.wait_for_senders is not barrier.wait_for_senders
    assert waited == [(frozenset({office.contact_id}), 1)]


def test_a_report_that_overtakes_our_commit_is_waited_for_while_young(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = new_id("m")
    hears(office, bounce(), unknown)
    young = (len(office.queue), office.feedback())
    office.later(intake.YOUNG)
    office.queue.show_again()
    office.poller.poll_once()

    assert young == (1, [])
    assert (len(office.queue), [each.is_ours for each in office.feedback()]) == (0, [False])
    assert actions(caplog) == ["feedback_unmatched"]
    assert suppressions(office) == {}


def test_a_report_whose_message_is_seen_at_last_is_acted_on(office: HearingOffice) -> None:
    message = office.dies(taken=True)
    with office.database.write() as session:  # as if its row were not to be seen yet
        session.execute(delete(MessageCopy))
        row = session.merge(message)
        row.id = new_id("m")
    hears(office, bounce(), message.id)
    before = suppressions(office)
    with office.database.write() as session:
        session.merge(office.message()).id = message.id
    office.queue.show_again()
    office.poller.poll_once()

    assert (before, suppressions(office)) == ({}, {address_hash(ADDRESS): "bounce"})
    assert office.message().state == MessageState.ACCEPTED


def test_while_a_sender_is_at_the_message_again_its_report_comes_again(
    office: HearingOffice,
) -> None:
    message = office.dies(taken=True)
    with office.database.write() as session:
        session.merge(message).attempts = 2
    hears(office, bounce())
    early = (office.message().state, len(office.queue), len(suppressions(office)))
    office.later(timedelta(seconds=20))
    office.queue.show_again()
    office.poller.poll_once()

    assert early == (MessageState.DISPATCHING, 1, 1)
    assert (office.message().state, len(office.queue)) == (MessageState.ACCEPTED, 0)
    assert len(facts(office)) == 1


def test_who_is_erased_leaves_no_hash_beside_a_message_and_stays_suppressed(
    office: HearingOffice,
) -> None:
    office.send()
    hears(office, complaint())
    with office.database.write() as session:
        erase(session, office.contact_id, now=NOON, now_shop=NOON)
    with office.database.read() as session:
        fate = session.get_one(MessageFate, office.message().id)

    assert (fate.state, fate.address_hash) == ("complained", None)
    assert suppressions(office) == {address_hash(ADDRESS): "complaint"}


def test_an_unknown_type_is_kept_and_said(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office.send()
    hears(office, {"event_type": "Tomorrows", "recipient": ADDRESS, "tomorrows": {}})
    with office.database.read() as session:
        fate = session.get(MessageFate, office.message().id)

    assert [(each.type, each.kind) for each in office.feedback()] == [("Tomorrows", "unknown")]
    assert (fate, "feedback_unknown" in actions(caplog)) == (None, True)
    assert office.clock.now() >= NOON
