"""Rates are judged by what is certain; the breaker holds marketing until somebody has looked."""

import logging
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.db.session import Database
from sekvens.feedback.tables import Feedback
from sekvens.flows.outcomes import Deferred, Outcome, Sent
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.reputation.counts import rates
from sekvens.reputation.rates import LIMITS, Kind, Level, Rate, lower_bound
from sekvens.switches import turning
from sekvens.switches.tables import BREAKER, Switch
from tests.unit.ingesting import alias
from tests.unit.sending import PostOffice, mixed

MARKETING, TRANSACTIONAL = Purpose.MARKETING, Purpose.TRANSACTIONAL
MINUTE = timedelta(minutes=1)
kinds = st.sampled_from(Kind)


def rate(kind: Kind, seen: int, of: int) -> Rate:
    return Rate(purpose=MARKETING, kind=kind, of=of, seen=seen)


@given(of=st.integers(0, 10_000), data=st.data())
def test_what_is_certain_is_never_more_than_what_was_seen(of: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, of))
    bound = lower_bound(seen, of)

    assert 0 <= bound <= (seen / of if of else 0)
    assert bound <= lower_bound(min(seen + 1, of), of) + 1e-12


@given(of=st.integers(1, 10_000))
def test_one_complaint_never_trips_nor_warns_however_few_the_messages(of: int) -> None:
    assert rate(Kind.COMPLAINT, 1, of).level == Level.FINE


@given(kind=kinds, share=st.floats(0, 1))
def test_below_its_volume_nothing_is_judged(kind: Kind, share: float) -> None:
    of = LIMITS[kind].volume_min - 1

    assert rate(kind, round(of * share), of).level == Level.FINE


@given(kind=kinds, times=st.floats(2.5, 100))
def test_a_rate_well_over_the_limit_trips_in_a_full_window(kind: Kind, times: float) -> None:
    limits = LIMITS[kind]
    seen = min(round(limits.window * limits.pause * times), limits.window)

    assert rate(kind, seen, limits.window).level == Level.PAUSE


@pytest.mark.parametrize(
    ("kind", "seen", "of", "level"),
    [
        (Kind.COMPLAINT, 2, 1000, Level.WARN),
        (Kind.COMPLAINT, 3, 1000, Level.PAUSE),
        (Kind.COMPLAINT, 5, 5000, Level.FINE),
        (Kind.COMPLAINT, 7, 5000, Level.WARN),
        (Kind.COMPLAINT, 8, 5000, Level.PAUSE),
        (Kind.BOUNCE, 7, 200, Level.FINE),
        (Kind.BOUNCE, 8, 200, Level.WARN),
        (Kind.BOUNCE, 14, 200, Level.PAUSE),
        (Kind.BOUNCE, 52, 1000, Level.WARN),
        (Kind.BOUNCE, 53, 1000, Level.PAUSE),
    ],
)
def test_where_the_limits_lie(kind: Kind, seen: int, of: int, level: Level) -> None:
    assert rate(kind, seen, of).level == level


def trips_at(kind: Kind, true_rate: float, draw: random.Random, *, of: int) -> int | None:
    """Send so many messages, and tell after how many the breaker would trip."""
    window, bad = LIMITS[kind].window, [draw.random() < true_rate for _ in range(of)]
    seen = 0
    for sent in range(1, of + 1):
        seen += bad[sent - 1] - (bad[sent - 1 - window] if sent > window else 0)
        if sent % 25 == 0 and rate(kind, seen, min(sent, window)).level == Level.PAUSE:
            return sent
    return None


@pytest.mark.parametrize(
    ("kind", "healthy", "bad"), [(Kind.COMPLAINT, 0.0002, 0.005), (Kind.BOUNCE, 0.02, 0.10)]
)
def test_a_healthy_shop_is_left_alone_and_a_bad_list_is_stopped_early(
    kind: Kind, healthy: float, bad: float
) -> None:
    draw = random.Random(20261121)  # noqa: S311  the same shops each time
    left_alone = [trips_at(kind, healthy, draw, of=20_000) for _ in range(20)]
    stopped = [trips_at(kind, bad, draw, of=20_000) for _ in range(20)]

    assert left_alone == [None] * 20
    assert max(at or 20_000 for at in stopped) <= 3 * LIMITS[kind].volume_min


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def accepted(office: PostOffice, count: int, *, purpose: Purpose = MARKETING) -> None:
    """Have SES accept so many messages to contacts of their own, one a second."""
    with office.database.write() as session:
        for number in range(count):
            session.add(ledger_row(office, f"{purpose}-{office.clock.now()}-{number}", purpose))
            office.later(timedelta(seconds=1))


def ledger_row(
    office: PostOffice, name: str, purpose: Purpose, contact_id: str | None = None
) -> Message:
    now = office.clock.now()
    return Message(
        id=name, enrollment_id="e-1", step_id=name, contact_id=contact_id or office.contact_id,
        flow="letters", flow_version=1, template="letters/hello", template_digest="",
        purpose=purpose, state=MessageState.ACCEPTED, claimed_at=now, accepted_at=now,
    )  # fmt: skip


def complain(office: PostOffice, number: int, *, reason: str = "complaint", **more: object) -> None:
    """Let a contact of their own get one message, and complain of it."""
    user = f"angry-{number}"
    contact_id = office.subscriber(user, f"{user}@kund.example")
    purpose = more.pop("purpose", MARKETING)
    with office.database.write() as session:
        session.add(ledger_row(office, f"m-{user}", purpose, contact_id))  # type: ignore[arg-type]
    office.later(timedelta(seconds=1))
    office.happens("Contact Suppressed", user=user, reason=reason, **more)


def rate_of(office: PostOffice, kind: Kind, purpose: Purpose = MARKETING) -> Rate:
    with office.database.read() as session:
        found = rates(session, now=office.clock.now())
    [one] = [each for each in found if (each.kind, each.purpose) == (kind, purpose)]
    return one


def reason_of(outcome: Outcome) -> str | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


def test_each_fact_is_counted_for_the_last_message_before_it(office: PostOffice) -> None:
    accepted(office, 20)
    complain(office, 1)
    complain(office, 2, reason="bounce", purpose=TRANSACTIONAL)
    complain(office, 3, reason="manual")
    counted = {(kind, p): rate_of(office, kind, p).seen for kind in Kind for p in Purpose}

    assert counted == {
        (Kind.COMPLAINT, MARKETING): 1,
        (Kind.COMPLAINT, TRANSACTIONAL): 0,
        (Kind.BOUNCE, MARKETING): 0,
        (Kind.BOUNCE, TRANSACTIONAL): 1,
    }
    assert rate_of(office, Kind.COMPLAINT).of == 22


def test_of_two_messages_the_later_is_to_blame(office: PostOffice) -> None:
    contact_id = office.subscriber("angry-1", "angry-1@kund.example")
    with office.database.write() as session:
        session.add(ledger_row(office, "m-first", MARKETING, contact_id))
    office.later(MINUTE)
    complain(office, 1, purpose=TRANSACTIONAL)

    assert rate_of(office, Kind.COMPLAINT).seen == 0
    assert rate_of(office, Kind.COMPLAINT, TRANSACTIONAL).seen == 1


def test_a_fact_that_is_told_twice_counts_once(office: PostOffice) -> None:
    complain(office, 1)
    office.later(MINUTE)
    office.happens("Contact Suppressed", user="angry-1", reason="complaint")

    assert rate_of(office, Kind.COMPLAINT).seen == 1


def test_a_list_of_suppressed_addresses_that_a_shop_brings_along_counts_for_nothing(
    office: PostOffice,
) -> None:
    for number in range(5):
        office.subscriber(f"old-{number}", f"old-{number}@kund.example")
        office.happens("Contact Suppressed", user=f"old-{number}", reason="bounce")
    accepted(office, 20)
    with office.database.write() as session:  # one of them gives another address, and gets mail
        session.add(ledger_row(office, "m-old", MARKETING, office.shop.contact_id("old-0")))

    assert rate_of(office, Kind.BOUNCE).seen == 0


def test_a_fact_about_a_contact_who_was_merged_finds_their_message(office: PostOffice) -> None:
    office.later(MINUTE)
    young = office.subscriber("young", "young@kund.example")
    with office.database.write() as session:
        session.add(ledger_row(office, "m-young", MARKETING, young))
    office.shop.post(alias("u", "young"))
    office.later(MINUTE)
    office.happens("Contact Suppressed", user="u", reason="complaint")

    assert rate_of(office, Kind.COMPLAINT).seen == 1


def test_what_is_older_than_the_window_is_no_evidence(office: PostOffice) -> None:
    complain(office, 1, reason="bounce")
    accepted(office, LIMITS[Kind.BOUNCE].window)
    after_a_window = rate_of(office, Kind.BOUNCE)
    office.later(timedelta(days=31))

    assert (after_a_window.seen, after_a_window.of) == (0, LIMITS[Kind.BOUNCE].window)
    assert rate_of(office, Kind.BOUNCE).of == 0


def reported(office: PostOffice, number: int, kind: str, *, detail: str | None = None) -> None:
    """Let SES report something of a message of somebody's own, as the intake keeps it."""
    user = f"angry-{number}"
    contact_id = office.subscriber(user, f"{user}@kund.example")
    now, told = office.clock.now(), {"source": "ses", "email_id": f"m-{user}"}
    with office.database.write() as session:
        session.add(ledger_row(office, f"m-{user}", MARKETING, contact_id))
        session.add(
            Feedback(
                id=f"sns-{user}-{detail}", type=kind, kind=kind, detail=detail, raw={}, at=now,
                read_at=now, message_id=f"m-{user}", is_ours=True,
            )
        )  # fmt: skip
    office.later(timedelta(seconds=1))
    office.happens("Contact Suppressed", user=user, reason="bounce", **told)


def test_what_ses_reports_counts_for_its_own_message_and_once(office: PostOffice) -> None:
    accepted(office, 20)
    for number in range(3):
        reported(office, number, "bounced", detail="Permanent/General")
    reported(office, 3, "complained", detail="abuse")

    assert rate_of(office, Kind.BOUNCE).seen == 3
    assert rate_of(office, Kind.COMPLAINT).seen == 1


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("bounced", "Permanent/OnAccountSuppressionList"),
        ("bounced", "Permanent/EmailValidationSuppressed"),
        ("complained", "OnTenantSuppressionList"),
        ("soft_bounced", "Transient/MailboxFull"),
        ("failed", "5.7.515"),
        ("not_spam", "not-spam"),
    ],
)
def test_what_ses_does_not_count_neither_do_we(office: PostOffice, kind: str, detail: str) -> None:
    reported(office, 1, kind, detail=detail)

    assert (rate_of(office, Kind.BOUNCE).seen, rate_of(office, Kind.COMPLAINT).seen) == (0, 0)


def test_bounces_that_ses_reports_hold_marketing(office: PostOffice) -> None:
    accepted(office, 180)
    for number in range(20):
        reported(office, number, "bounced", detail="Permanent/General")

    assert reason_of(office.send()) == "breaker"


def go_bad(office: PostOffice, begin: int, *, purpose: Purpose = MARKETING) -> None:
    """Let a fifth of 200 messages bounce."""
    accepted(office, 180, purpose=purpose)
    for number in range(begin, begin + 20):
        complain(office, number, reason="bounce", purpose=purpose)


def test_a_bad_list_holds_marketing_and_lets_order_mail_go(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    go_bad(office, 0)
    held, receipt = office.send(), office.send("receipt")

    assert reason_of(held) == "breaker"
    assert isinstance(receipt, Sent)
    [said] = [each for each in caplog.records if getattr(each, "action", "") == "breaker_tripped"]
    assert (
        "bounces: 20 of the newest 200 marketing e-mails, 10.00%, certainly 6.57%"
        in said.msg % (said.args)
    )


def test_bad_order_mail_is_warned_of_once_and_holds_nothing(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        go_bad(office, 0, purpose=TRANSACTIONAL)
        sent = office.send()
        office.later(2 * MINUTE)
        office.send("receipt")

    assert isinstance(sent, Sent)
    actions = [getattr(each, "action", "") for each in caplog.records]
    assert actions.count("reputation_warned") == 1


def test_after_a_resumption_the_same_evidence_does_not_trip_and_new_evidence_does(
    office: PostOffice,
) -> None:
    go_bad(office, 0)
    office.send()
    with office.database.write() as session:
        turning.end(session, BREAKER, by="maja", now=office.clock.now())
    office.later(2 * MINUTE)
    goes_on = office.another_sender().send(office.order())
    go_bad(office, 100)
    office.enroll("e-2", office.contact_id)
    held = office.send(enrollment_id="e-2")

    assert isinstance(goes_on, Sent)
    assert reason_of(held) == "breaker"


def test_many_workers_trip_it_once_and_say_so_once(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    go_bad(office, 0)
    for _ in range(3):
        office.another_sender().send(office.order())
    with office.database.read() as session:
        turned = session.query(Switch).count()
    actions = [getattr(each, "action", "") for each in caplog.records]

    assert (turned, actions.count("breaker_tripped")) == (1, 1)


def test_rates_are_looked_at_once_a_minute(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr("sekvens.reputation.breaker.rates", lambda *_, **__: looks.append(1) or ())
    for _ in range(3):
        office.send()
        office.later(timedelta(seconds=31))

    assert len(looks) == 2
