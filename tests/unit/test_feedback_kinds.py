"""SES's ten event types and their sub-types become our words; what is unknown is no error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.contacts.tables import address_hash
from sekvens.feedback.kinds import ReportKind, kind_of
from sekvens.feedback.reading import Report, read_report
from tests.unit.ingesting import NOON
from tests.unit.ses_records import MAIL, PUBLISHED, RECIPIENT, bounce, complaint, published

WORDS = {
    "Send": (ReportKind.ACCEPTED, None),
    "Delivery": (ReportKind.DELIVERED, None),
    "DeliveryDelay": (ReportKind.DELAYED, "TransientCommunicationFailure"),
    "Bounce": (ReportKind.BOUNCED, "Permanent/General"),
    "Complaint": (ReportKind.COMPLAINED, "abuse"),
    "Reject": (ReportKind.REJECTED, "Bad content"),
    "Rendering Failure": (ReportKind.FAILED, "rendering"),
    "Open": (ReportKind.OPENED, None),
    "Click": (ReportKind.CLICKED, None),
    "Subscription": (ReportKind.UNSUBSCRIBED, None),
}
BOUNCES = {
    "Permanent/General": ReportKind.BOUNCED,
    "Permanent/NoEmail": ReportKind.BOUNCED,
    "Permanent/Suppressed": ReportKind.BOUNCED,
    "Permanent/OnAccountSuppressionList": ReportKind.BOUNCED,
    "Permanent/OnTenantSuppressionList": ReportKind.BOUNCED,
    "Permanent/EmailValidationSuppressed": ReportKind.BOUNCED,
    "Permanent/Tomorrows": ReportKind.BOUNCED,
    "Permanent/UnsubscribedRecipient": ReportKind.UNSUBSCRIBED,
    "Transient/General": ReportKind.SOFT_BOUNCED,
    "Transient/MailboxFull": ReportKind.SOFT_BOUNCED,
    "Transient/CustomTimeoutExceeded": ReportKind.SOFT_BOUNCED,
    "Transient/MessageTooLarge": ReportKind.FAILED,
    "Transient/ContentRejected": ReportKind.FAILED,
    "Transient/AttachmentRejected": ReportKind.FAILED,
    "Undetermined/Undetermined": ReportKind.SOFT_BOUNCED,
    "Tomorrows/General": ReportKind.SOFT_BOUNCED,
}
#: What receivers say when it is us whom they refuse.
OURS = {
    "smtp; 550 5.7.515 Access denied, sending domain x.se does not meet the level": "5.7.515",
    "smtp; 550-5.7.26 This mail has been blocked because the sender is unauthenticated": "5.7.26",
    "smtp; 550 5.7.509: Access denied, sending domain does not pass DMARC": "5.7.509",
    "smtp; 554 5.7.9 Message not accepted for policy reasons": "5.7.9",
    "smtp; 554 Message rejected: Email address is not verified": "identity not verified",
}
THEIRS = ("smtp; 550 5.1.1 user unknown", "smtp; 550 5.7.1 rejected", "smtp; 550 15.7.26.1 x", "")

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
trees = st.recursive(
    scalars,
    lambda kids: (
        st.lists(kids, max_size=3) | st.dictionaries(st.text(max_size=15), kids, max_size=3)
    ),
    max_leaves=10,
)


def read(event_type: str) -> Report:
    return read_report(published(event_type), now=NOON)


def test_every_type_is_published_once_and_has_a_word() -> None:
    assert WORDS.keys() == PUBLISHED.keys()
    assert len(WORDS) == 10


@pytest.mark.parametrize("event_type", WORDS)
def test_a_record_as_amazon_publishes_it_is_read_and_kept_without_persons(event_type: str) -> None:
    report = read(event_type)

    assert (report.type, (report.kind, report.detail)) == (event_type, WORDS[event_type])
    assert report.ses_message_id == MAIL["messageId"]
    assert report.address_hash == address_hash(RECIPIENT)
    assert report.raw["eventType"] == event_type
    kept = json.dumps(report.raw)
    assert not [word for word in ("@", "192.0", "Mozilla", "docs.aws", "Subject") if word in kept]


@pytest.mark.parametrize(("given", "kind"), BOUNCES.items(), ids=BOUNCES)
def test_a_bounce_blames_the_address_nobody_or_us(given: str, kind: ReportKind) -> None:
    record = bounce(*given.split("/"))

    assert kind_of("Bounce", record) == (kind, given)


@pytest.mark.parametrize(("said", "fault"), OURS.items(), ids=OURS.values())
def test_a_receiver_that_refuses_us_blames_our_set_up(said: str, fault: str) -> None:
    assert kind_of("Bounce", bounce(said=said)) == (ReportKind.FAILED, fault)


@pytest.mark.parametrize("said", THEIRS)
def test_what_is_said_of_the_mailbox_is_no_fault_of_ours(said: str) -> None:
    assert kind_of("Bounce", bounce(said=said)) == (ReportKind.BOUNCED, "Permanent/General")


def test_who_says_that_it_is_no_spam_does_not_complain() -> None:
    assert kind_of("Complaint", complaint("not-spam")) == (ReportKind.NOT_SPAM, "not-spam")
    assert kind_of("Complaint", {"complaint": {}}) == (ReportKind.COMPLAINED, None)


def test_a_topic_that_was_left_before_is_not_left_again() -> None:
    out = {"topicSubscriptionStatus": [{"topicName": "t", "subscriptionStatus": "OptOut"}]}
    still = {"subscription": {"newTopicPreferences": out, "oldTopicPreferences": out}}

    assert kind_of("Subscription", still)[0] == ReportKind.SUBSCRIPTION
    gone = {"subscription": {"newTopicPreferences": out}}
    assert kind_of("Subscription", gone)[0] == ReportKind.UNSUBSCRIBED


@settings(max_examples=40)
@given(event_type=st.sampled_from([*WORDS, "Tomorrows"]), record=trees, mail=trees)
def test_no_record_is_an_error(event_type: str, record: Any, mail: Any) -> None:
    member = dict.fromkeys(PUBLISHED.get(event_type, {"x": 1}), record)
    written = {"eventType": event_type, "mail": MAIL | {"destination": mail}, **member}
    report = read_report(json.dumps(written), now=NOON)

    assert report.kind in ReportKind
    assert report.detail is None or len(report.detail) < 130


@pytest.mark.parametrize(
    "destination", [[], ["other@kund.example"], [RECIPIENT, "other@kund.example"], "x", None]
)
def test_a_report_names_nobody_whom_the_message_did_not_go_to_alone(destination: Any) -> None:
    record = json.loads(published("Bounce"))
    record["mail"]["destination"] = destination
    named = read_report(json.dumps(record), now=NOON).address_hash

    assert named in (None, address_hash(RECIPIENT))
    assert (named is not None) == (isinstance(destination, list) and RECIPIENT in destination)
