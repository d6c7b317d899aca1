"""Reading SES's events: each once, whatever dies, and nothing that comes holds up what follows."""

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy.exc import DataError, OperationalError

from sekvens.db.session import Database
from sekvens.feedback import poller as polling_module
from sekvens.feedback import taking
from sekvens.feedback.poller import polling
from sekvens.feedback.queue import Received
from sekvens.feedback.reading import read_report
from sekvens.feedback.testing import event_body
from sekvens.messages.tables import MessageState
from tests.unit.hearing import HearingOffice
from tests.unit.ingesting import NOON
from tests.unit.waiting import PATIENCE

DEEP = '{"a":' * 50_000 + "1" + "}" * 50_000
POISON = {
    "no JSON": "Successfully validated SNS topic for Amazon SES event publishing.",
    "a list": "[1, 2]",
    "nothing": "{}",
    "deep": DEEP,
    "NUL and a lone surrogate": '{"eventType": "Se\\u0000nd", "x": "\\ud800 kim@kund.example"}',
    "mail is no object": '{"eventType": "Send", "mail": "kim@kund.example"}',
    "SNS around nothing": json.dumps({"Type": "Notification", "MessageId": "s", "Message": "hej"}),
    "a type of another kind": '{"eventType": 7, "mail": {}}',
}
ODD = {
    "NUL in a tag": {"tags": {"message_id": ["m\x00"]}},
    "several values": {"tags": {"message_id": ["a", "b"]}},
    "a date of no calendar": {"timestamp": "9999-99-99"},
    "a date beyond all": {"timestamp": "0001-01-01T00:00:00+14:00"},
    "numbers": {"timestamp": 7, "messageId": 8, "tags": 9},
}


@pytest.fixture
def office(database: Database) -> HearingOffice:
    return HearingOffice(database)


def odd(mail: dict[str, Any]) -> str:
    record = json.loads(event_body("m-1", at=NOON))
    record["mail"] |= mail
    return json.dumps(record)


@pytest.mark.parametrize("kind", POISON)
def test_what_is_no_report_is_recorded_deleted_and_holds_up_nobody(
    office: HearingOffice, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    message = office.dies(taken=True)
    office.queue.put(POISON[kind])
    office.tells(message.id)

    bad = [each for each in office.feedback() if each.type == "unreadable"]
    assert len(bad) == 1
    assert "kim@" not in json.dumps(bad[0].raw)
    assert (len(office.queue), office.message().state) == (0, MessageState.ACCEPTED)
    assert "kim@" not in caplog.text


@pytest.mark.parametrize("mail", ODD.values(), ids=ODD)
def test_what_is_odd_in_a_report_is_kept_and_settles_nothing(
    office: HearingOffice, mail: dict[str, Any]
) -> None:
    office.queue.put(odd(mail))
    office.poller.poll_once()

    (kept,) = office.feedback()
    assert kept.type == "Send"
    assert kept.at <= NOON
    assert not kept.is_ours
    assert len(office.queue) == 0


@pytest.mark.parametrize(
    ("event_type", "state"),
    [
        ("Delivery", MessageState.ACCEPTED),
        ("Bounce", MessageState.ACCEPTED),
        ("Rendering Failure", MessageState.ACCEPTED),
        ("Open", MessageState.ACCEPTED),
        ("Subscription", MessageState.DISPATCHING),
        ("Tomorrows", MessageState.DISPATCHING),
    ],
)
def test_whatever_ses_reports_of_a_message_it_has_taken_it(
    office: HearingOffice, event_type: str, state: str
) -> None:
    message = office.dies(taken=True)
    office.tells(message.id, event_type=event_type)

    (kept,) = office.feedback()
    assert (kept.type, kept.message_id, kept.is_ours) == (event_type, message.id, True)
    assert office.message().state == state


def test_no_address_name_or_place_is_kept() -> None:
    bounced = [{"emailAddress": "kund@shop.example", "diagnosticCode": "550 <kund@shop.example>"}]
    click = {"ipAddress": "192.0.2.7", "link": "https://shop.example/u/token", "x": "y"}
    body = event_body(
        "m-1", at=NOON, sns_id="s", bounce={"bouncedRecipients": bounced}, click=click
    )
    report = read_report(body, now=NOON)

    kept = json.dumps(report.raw)
    assert not [word for word in ("@", "Kim", "192.0", "token", "Hej") if word in kept]
    assert report.raw["bounce"]["bouncedRecipients"][0]["diagnosticCode"] == "550 <(address)>"
    assert (report.raw["mail"]["messageId"], report.raw["click"]) == ("0110-ses", {"x": "y"})


def test_a_long_text_is_read_in_no_time_and_cut_in_no_address() -> None:
    begun = time.process_time()
    texts = ["a" * 400_000, "kund@shop.example," * 60, "x " * 298 + "kimkim@kund.example"]
    kept = [read_report(text, now=NOON).raw["text"] for text in texts]

    assert time.process_time() - begun < 1
    assert not [text for text in kept if "@" in text or "kund" in text or "kim" in text]


@pytest.mark.parametrize("sns_id", ["sns-1", None])
def test_both_envelopes_are_read_and_a_repeat_is_known(
    office: HearingOffice, sns_id: str | None
) -> None:
    message = office.dies(taken=True)
    for _ in range(3):
        office.queue.put(event_body(message.id, at=NOON, sns_id=sns_id))
        office.poller.poll_once()

    assert len(office.feedback()) == 1
    assert (office.message().state, office.message().ses_message_id) == ("accepted", "0110-ses")


def test_a_reader_that_dies_before_it_deletes_has_changed_nothing_but_once(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, delete = office.dies(taken=True), office.queue.delete

    def die(_: Sequence[Received]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(office.queue, "delete", die)
    with pytest.raises(KeyboardInterrupt):
        office.tells(message.id)
    settled = office.message()
    monkeypatch.setattr(office.queue, "delete", delete)
    office.queue.show_again()
    office.poller.poll_once()

    assert settled.state == MessageState.ACCEPTED
    assert (len(office.feedback()), len(office.queue)) == (1, 0)


def test_nothing_is_deleted_before_the_commit(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, write = office.dies(taken=True), office.database.write

    @contextmanager
    def gone() -> Iterator[object]:
        with write() as session:
            yield session
            raise OperationalError("COMMIT", {}, Exception("gone"))

    monkeypatch.setattr(office.database, "write", gone)
    with pytest.raises(OperationalError):
        office.tells(message.id)
    monkeypatch.setattr(office.database, "write", write)

    assert len(office.queue) == 1
    assert office.message().state == MessageState.DISPATCHING
    office.queue.show_again()
    office.poller.poll_once()
    assert office.message().state == MessageState.ACCEPTED


def test_what_the_database_refuses_holds_up_no_neighbour(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, take_in = office.dies(taken=True), taking.take_in

    def take_in_unless_bad(session: Any, reports: Any, **how: Any) -> Any:
        if any(report.type == "Bad" for report in reports):
            raise DataError("INSERT", {}, Exception("kim@kund.example"))
        return take_in(session, reports, **how)

    monkeypatch.setattr(taking, "take_in", take_in_unless_bad)
    office.puts("m-x", event_type="Bad", sns_id="bad")
    office.tells(message.id)

    bad = next(each for each in office.feedback() if each.id == "bad")
    assert (bad.type, bad.raw) == ("unreadable", {})
    assert (len(office.queue), office.message().state) == (0, MessageState.ACCEPTED)


def test_several_readers_at_once_take_everything_in_once(office: HearingOffice) -> None:
    messages = [office.sends_another(tells=False) for _ in range(20)]
    for message_id in messages * 3:
        office.queue.put(event_body(message_id, at=NOON, sns_id=f"sns-{message_id}"))
    pollers = [office.another_poller() for _ in range(4)]
    threads = [
        threading.Thread(target=lambda poller=poller: [poller.poll_once() for _ in range(4)])
        for poller in pollers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.message_id or "" for each in office.feedback()) == sorted(messages)
    assert len(office.queue) == 0


def test_an_outage_of_the_queue_is_told_once_and_when_it_is_over(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("BACKOFF_MIN", "BACKOFF_MAX"):
        monkeypatch.setattr(polling_module, name, getattr(polling_module, name) / 1000)
    receive, tries, done = office.queue.receive, iter(range(4)), threading.Event()

    def broken(**how: Any) -> list[Received]:
        if next(tries, None) is not None:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
        done.set()
        return receive(**how)

    monkeypatch.setattr(office.queue, "receive", broken)
    with polling(office.poller):
        assert done.wait(PATIENCE)

    actions = [getattr(each, "action", "") for each in caplog.records]
    assert actions.count("dependency_unreachable") == 1
    assert actions.count("dependency_back") == 1


def test_a_fault_of_ours_leaves_its_report_in_the_queue_and_holds_up_no_neighbour(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    message, take_in = office.dies(taken=True), taking.take_in

    def faulty(session: Any, reports: Any, **how: Any) -> Any:
        if any(report.type == "Bad" for report in reports):
            raise RuntimeError("kim@kund.example")
        return take_in(session, reports, **how)

    monkeypatch.setattr(taking, "take_in", faulty)
    office.puts("m-x", event_type="Bad")
    office.tells(message.id)

    assert (len(office.queue), office.message().state) == (1, MessageState.ACCEPTED)
    assert "feedback_failed" in [getattr(each, "action", "") for each in caplog.records]
    assert "kim@" not in caplog.text


def test_no_fault_ends_the_reading(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(polling_module, "BACKOFF_MAX", polling_module.BACKOFF_MAX / 1000)
    receive, done = office.queue.receive, threading.Event()
    faults = iter([RuntimeError("kim@kund.example")])

    def faulty(**how: Any) -> list[Received]:
        for fault in faults:
            raise fault
        done.set()
        return receive(**how)

    monkeypatch.setattr(office.queue, "receive", faulty)
    with polling(office.poller):
        assert done.wait(PATIENCE)

    assert "feedback_failed" in [getattr(each, "action", "") for each in caplog.records]
    assert "kim@" not in caplog.text
