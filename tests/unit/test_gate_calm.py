"""The gate leaves contacts in calm: what the ledger and the enrollments say, on real rows."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.errors import OutcomeUnknown
from sekvens.flows.builder import TRANSACTIONAL
from sekvens.flows.outcomes import Deferred, InDoubt, Outcome, Sent, Skipped, SkipReason
from sekvens.messages.calm import HoldReason
from sekvens.messages.send import Sender
from sekvens.messages.tables import Message, MessageState
from tests.unit.ingesting import NOON, alias, track
from tests.unit.sending import PostOffice
from tests.unit.test_send_race import NoLocks
from tests.unit.waiting import PATIENCE

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Eight in the morning in Helsinki, where the contact lives, is six in UTC.
MORNING = NOON.replace(hour=6) + DAY
NIGHT = NOON + 8 * HOUR
CALM = {
    "quiet_from": "21:00", "quiet_until": "08:00", "marketing_per_day": 1, "marketing_per_week": 4,
    "priority": ("checkout", "carts"),
}  # fmt: skip


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, **CALM)


def another(office: PostOffice, number: int, **values: Any) -> dict[str, str]:
    """Put the contact into the flow once more, and tell whose order to give."""
    office.enroll(f"e-{number}", office.contact_id, entry_key=f"{number}", **values)
    return {"enrollment_id": f"e-{number}"}


def until(instant: datetime, reason: HoldReason) -> Deferred:
    return Deferred(until=instant, reason=reason)


def test_at_night_it_waits_for_the_contacts_morning_to_the_moment(office: PostOffice) -> None:
    held = office.send(now=NIGHT, due_at=NIGHT, shop_speed=43200.0)
    state, expected = office.message().state, office.enrollment().next_send_at

    assert held == until(MORNING, HoldReason.QUIET_HOURS)
    assert (state, expected) == (MessageState.PENDING, MORNING)
    assert isinstance(office.send(now=MORNING, due_at=NIGHT), Sent)


def test_a_contact_without_a_zone_sleeps_when_the_shop_does(office: PostOffice) -> None:
    with office.database.write() as session:
        session.execute(update(Contact).values(timezone=None))

    # Half past nine in the evening in Helsinki is half past eight in Stockholm.
    assert isinstance(office.send(now=NOON + 7.5 * HOUR), Sent)


def test_the_second_e_mail_of_a_day_waits_for_the_next_morning(office: PostOffice) -> None:
    office.send()

    assert office.send(**another(office, 2)) == until(MORNING, HoldReason.FREQUENCY_CAP)
    assert isinstance(office.send(**another(office, 3), now=MORNING), Sent)


def test_of_five_e_mails_in_a_week_the_fifth_waits(office: PostOffice) -> None:
    sent = [office.send(**another(office, day), now=NOON + day * DAY) for day in range(2, 6)]
    fifth = office.send(**another(office, 6), now=NOON + 6 * DAY)

    assert all(isinstance(outcome, Sent) for outcome in sent)
    assert fifth == until(MORNING + 8 * DAY, HoldReason.FREQUENCY_CAP)


def test_what_another_system_sent_today_counts_as_an_e_mail_of_the_day(office: PostOffice) -> None:
    office.happens("Email Delivered", ago=90, email_id="letter-1", campaign_name="November")

    assert office.send() == until(MORNING, HoldReason.FREQUENCY_CAP)


def test_what_another_system_sent_on_five_days_fills_the_week(office: PostOffice) -> None:
    for day in range(1, 5):
        office.happens("Email Delivered", ago=day * 1440, email_id=f"letter-{day}")
        office.happens("Email Delivered", ago=day * 1440 - 1, email_id=f"letter-{day}")

    assert office.send() == until(MORNING + 2 * DAY, HoldReason.FREQUENCY_CAP)


def test_anothers_order_mail_and_what_is_long_ago_is_not_counted(office: PostOffice) -> None:
    office.happens("Email Delivered", ago=60, email_id="receipt", purpose="transactional")
    for day in range(9, 14):
        office.happens("Email Delivered", ago=day * 1440)

    assert isinstance(office.send(), Sent)


def test_what_was_skipped_or_belongs_to_an_order_is_not_counted(office: PostOffice) -> None:
    office.send(skip=True)
    office.send(**another(office, 2), purpose=TRANSACTIONAL)

    assert isinstance(office.send(**another(office, 3)), Sent)


def test_what_may_have_arrived_counts_also_when_it_is_settled_as_unknown(
    office: PostOffice,
) -> None:
    office.ses.faults.append(OutcomeUnknown("the connection broke"))
    in_doubt, held = office.send(), office.send(**another(office, 2))
    office.clock.move(HOUR)
    settled = office.send()

    assert isinstance(in_doubt, InDoubt)
    assert isinstance(settled, Skipped)
    assert held == until(MORNING, HoldReason.FREQUENCY_CAP)
    assert office.send(**another(office, 3)) == held


def test_what_a_dead_worker_left_in_dispatch_counts_on_the_day_it_was_left(
    office: PostOffice,
) -> None:
    office.send()
    values = {"state": MessageState.DISPATCHING, "sent_on": None, "dispatched_at": NOON}
    with office.database.write() as session:
        session.execute(update(Message).values(**values))
    office.clock.move(timedelta(minutes=1))

    assert office.send(**another(office, 2)) == until(MORNING, HoldReason.FREQUENCY_CAP)
    office.clock.move(DAY)
    assert isinstance(office.send(**another(office, 3), now=NOON + DAY), Sent)


def test_two_who_were_merged_have_one_cap_between_them(office: PostOffice) -> None:
    office.send()
    office.later(timedelta(minutes=1))
    young = office.subscriber("young", "ung@kund.example")
    office.enroll("e-young", young, started_at=NOON - timedelta(minutes=1))
    office.shop.post(alias("u", "young"))
    office.relay_all()

    held = office.send(enrollment_id="e-young", contact_id=young)
    assert held == until(MORNING, HoldReason.FREQUENCY_CAP)


def test_what_passes_the_cap_leaves_by_day_and_not_at_night(office: PostOffice) -> None:
    office.send()

    assert isinstance(office.send(**another(office, 2), past_cap=True), Sent)
    held = office.send(**another(office, 3), past_cap=True, now=NIGHT)
    assert held == until(MORNING, HoldReason.QUIET_HOURS)


def test_order_mail_disregards_all_of_it(office: PostOffice) -> None:
    office.send()
    rest(office, NOON + 90 * DAY)
    office.happens("Complaint Opened", complaint_id="c-1")

    order = another(office, 2, next_send_at=NOON, flow="checkout")
    assert isinstance(office.send(**order, purpose=TRANSACTIONAL, now=NIGHT), Sent)


def rest(office: PostOffice, instant: datetime) -> None:
    with office.database.write() as session:
        session.execute(update(Contact).values(rests_until=instant))


def test_who_rests_is_left_in_peace(office: PostOffice) -> None:
    rest(office, NOON + 3 * HOUR)

    assert office.send() == until(NOON + 3 * HOUR, HoldReason.RESTING)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("Complaint Opened", HoldReason.OPEN_COMPLAINT),
        ("Return Started", HoldReason.OPEN_RETURN),
        ("Order Delayed", HoldReason.OPEN_DELAY),
        ("Email Replied", HoldReason.OPEN_REPLY),
    ],
)
def test_an_open_case_pauses_marketing(office: PostOffice, event: str, reason: HoldReason) -> None:
    office.happens(event, ago=5, order_id="o-1", complaint_id="c-1", return_id="r-1")

    assert office.send() == until(NOON + 6 * HOUR, reason)


@pytest.mark.parametrize(
    ("now", "hours", "reason"),
    [
        (NIGHT, 9, SkipReason.QUIET_HOURS_EXPIRED),
        (NOON, 17, SkipReason.FREQUENCY_CAP),
    ],
)
def test_what_would_be_of_no_use_afterwards_is_skipped_at_once(
    office: PostOffice, now: datetime, hours: int, reason: SkipReason
) -> None:
    office.send(**another(office, 2))
    office.send(**another(office, 3), due_at=now, now=now)
    late = {"due_at": now, "now": now, "lateness_seconds_max": hours * 3600.0}
    outcome = office.send(**late)

    assert isinstance(outcome, Skipped)
    assert outcome.reason == reason


def test_a_rest_past_the_limit_makes_it_stale_at_once(office: PostOffice) -> None:
    rest(office, NOON + 3 * DAY)
    outcome = office.send(lateness_seconds_max=2 * 86400.0)

    assert isinstance(outcome, Skipped)
    assert outcome.reason == SkipReason.STALE


def ahead(office: PostOffice, flow: str = "checkout", **values: Any) -> None:
    """Let the contact expect an e-mail of a flow in three hours."""
    another(office, 9, **({"flow": flow, "next_send_at": NOON + 3 * HOUR} | values))


def test_a_flow_of_a_higher_priority_goes_first(office: PostOffice) -> None:
    ahead(office)

    assert office.send() == until(NOON + 4 * HOUR, HoldReason.PRIORITY)


@pytest.mark.parametrize(
    "values",
    [
        {"flow": "unknown"},
        {"state": EnrollmentState.PARKED},
        {"state": EnrollmentState.ENDED},
        {"next_send_at": None},
        {"next_send_at": NOON + DAY},
        {"next_send_at": NOON - DAY},
    ],
)
def test_nobody_waits_for_what_is_no_more_important_or_does_not_come_today(
    office: PostOffice, values: dict[str, Any]
) -> None:
    ahead(office, **values)

    assert isinstance(office.send(), Sent)


def test_the_higher_flow_waits_for_nobody(office: PostOffice) -> None:
    ahead(office, "carts")

    assert isinstance(office.send(flow="letters"), Deferred)
    with office.database.read() as session:
        asked = office.order(**another(office, 2), flow="checkout")
        verdict = office.sender._gate.decide(session, asked, office.published, now=NOON)
    assert verdict.recipient  # type: ignore[union-attr]


RIVALS = 8


def send_at_once(office: PostOffice) -> list[Outcome]:
    """Let so many workers send to one contact at the same moment, each for another enrollment."""
    office.ses._takes = 0.02
    orders = [office.order(**another(office, number)) for number in range(2, 2 + RIVALS)]
    senders = [office.another_sender(**CALM) for _ in orders]
    start = threading.Barrier(RIVALS)

    def send(number: int) -> Outcome:
        start.wait(PATIENCE)
        return senders[number].send(orders[number])

    with ThreadPoolExecutor(RIVALS) as threads:
        return list(threads.map(send, range(RIVALS)))


def test_of_many_at_once_one_passes_and_the_others_wait(office: PostOffice) -> None:
    outcomes = send_at_once(office)

    assert sum(isinstance(outcome, Sent) for outcome in outcomes) == 1
    waiting = [outcome for outcome in outcomes if isinstance(outcome, Deferred)]
    assert waiting == [until(MORNING, HoldReason.FREQUENCY_CAP)] * (RIVALS - 1)
    assert len(office.ses.accepted) == 1
    with office.database.read() as session:
        states = sorted(session.scalars(select(Message.state)))
    assert states == [MessageState.ACCEPTED] + [MessageState.PENDING] * (RIVALS - 1)


def test_without_the_lock_several_pass(office: PostOffice) -> None:
    office.database.locks = NoLocks()  # type: ignore[assignment]
    company = threading.Barrier(2)

    def wait_for_company(_: str) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):  # the others were held back
            company.wait(10)

    office.ses.during = wait_for_company
    send_at_once(office)

    assert len(office.ses.accepted) > 1


def test_without_a_second_look_under_the_lock_several_pass(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, first = Sender._look, {}
    everybody_has_looked = threading.Barrier(RIVALS)

    def look_once(sender: Sender, order: Any, published: Any) -> Any:
        if order.enrollment_id not in first:
            first[order.enrollment_id] = look(sender, order, published)
            everybody_has_looked.wait(PATIENCE)
        return first[order.enrollment_id]

    monkeypatch.setattr(Sender, "_look", look_once)
    send_at_once(office)

    assert len(office.ses.accepted) > 1


def test_ten_mornings_in_a_row_nobody_gets_more_than_four_in_a_week(office: PostOffice) -> None:
    taken = [
        day
        for day in range(10)
        if isinstance(office.send(**another(office, day + 2), now=NOON + day * DAY), Sent)
    ]

    assert taken == [0, 1, 2, 3, 7, 8, 9]


def test_the_position_says_when_the_next_e_mail_is_expected(office: PostOffice) -> None:
    office.shop.post(track("Product Added", product_id="p1", name="Tröja", cart_id="k1"))
    another(office, 2)
    office.send(enrollment_id="e-2")

    with office.database.read() as session:
        row = session.get_one(Enrollment, "e-2")
    assert (row.step_id, row.next_send_at) == ("a-night", NOON + 8 * HOUR)
