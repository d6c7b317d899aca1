"""What SES lets the account send: asked by one worker for all, and kept to at the gate."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.errors import NotSent, SesThrottled
from sekvens.flows.outcomes import Deferred, Outcome, Sent
from sekvens.quota.asking import ASK_AGAIN_INTERVAL, ASK_INTERVAL, QuotaDesk
from sekvens.quota.room import (
    TRUSTED_FOR,
    Day,
    has_surely_room,
    kept_for_order_mail,
    left_for_marketing,
    queue_rate,
)
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.ses.client import Quota
from sekvens.ses.testing import NO_HINDRANCE, FakeSes
from tests.conftest import NOON
from tests.unit.sending import PostOffice, mixed

SECOND = timedelta(seconds=1)
QUOTA = replace(NO_HINDRANCE, send_rate_max=14.0, day_max=1000.0, sent_last_day=100.0)
#: Of 1,000 a day 50 are kept for order mail.
USED_UP = replace(QUOTA, sent_last_day=950.0)
PAUSED = replace(QUOTA, sending_enabled=False)


def known(database: Database) -> SesQuota:
    with database.read() as session:
        return session.get_one(SesQuota, THE_ACCOUNT)


class Fleet:
    """Workers on one database and one account, at one time."""

    def __init__(self, database: Database, account: Quota = QUOTA) -> None:
        self.database = database
        self.clock = FrozenClock(NOON)
        self.ses = CountingSes(account)

    def desk(self) -> QuotaDesk:
        return QuotaDesk(database=self.database, account=self.ses, clock=self.clock, share=0.05)


class CountingSes(FakeSes):
    """Counts how often it is asked; may be made to take its time over it."""

    def __init__(self, account: Quota) -> None:
        super().__init__()
        self.account = account
        self.asked = 0
        self.counting = threading.Lock()

    def quota(self) -> Quota:
        with self.counting:
            self.asked += 1
        return super().quota()


@pytest.fixture
def fleet(database: Database) -> Fleet:
    return Fleet(database)


def test_one_worker_asks_for_all_and_again_after_a_minute(fleet: Fleet) -> None:
    first, second = fleet.desk(), fleet.desk()
    asked = [first.ask(), second.ask()]
    fleet.clock.move(ASK_INTERVAL)
    fleet.ses.account = replace(QUOTA, send_rate_max=80.0)
    asked += [second.ask(), first.ask()]

    assert asked == [True, False, True, False]
    assert first.queue_rate() == second.queue_rate() == 76.0
    assert fleet.ses.asked == 2


def test_of_many_workers_at_once_one_asks(fleet: Fleet) -> None:
    desks = [fleet.desk() for _ in range(6)]
    with ThreadPoolExecutor(len(desks)) as threads:
        asked = list(threads.map(lambda desk: desk.ask(), desks))

    assert (asked.count(True), fleet.ses.asked) == (1, 1)


def test_while_ses_is_away_its_last_word_holds_and_it_is_said_once(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    desk = fleet.desk()
    desk.ask()
    fleet.ses.account = SesThrottled("later")
    fleet.clock.move(ASK_INTERVAL)
    for _ in range(3):
        assert not desk.ask()
        fleet.clock.move(ASK_AGAIN_INTERVAL)
    away = known(fleet.database)
    fleet.ses.account = QUOTA
    desk.ask()
    said = [getattr(each, "action", "") for each in caplog.records]

    assert (away.send_rate_max, away.told_at) == (14.0, NOON)
    assert desk.queue_rate() == pytest.approx(13.3)
    assert fleet.ses.asked == 5
    assert said == ["quota_changed", "dependency_unreachable", "dependency_back"]


def test_a_worker_starts_at_the_rate_that_is_known_and_without_one_it_waits(fleet: Fleet) -> None:
    fleet.ses.account = NotSent("away")
    with pytest.raises(NotSent):
        fleet.desk().queue_rate()
    fleet.ses.account = QUOTA
    fleet.clock.move(ASK_AGAIN_INTERVAL)
    fleet.desk().ask()
    fleet.ses.account = NotSent("away")
    fleet.clock.move(timedelta(hours=3))

    assert fleet.desk().queue_rate() == pytest.approx(13.3)


def test_an_answer_that_is_older_than_the_next_question_is_not_written_down(fleet: Fleet) -> None:
    class Frozen(CountingSes):
        def quota(self) -> Quota:
            answer = super().quota()
            if self.asked == 1:  # frozen, while another worker asks
                fleet.clock.move(timedelta(minutes=2))
                self.account = replace(QUOTA, send_rate_max=80.0)
                fleet.desk().ask()
            return answer

    fleet.ses = Frozen(QUOTA)
    fleet.desk().ask()

    assert known(fleet.database).send_rate_max == 80.0


def test_a_clock_that_was_wrong_holds_nobody_up(fleet: Fleet) -> None:
    fleet.clock.move(timedelta(days=2))
    fleet.desk().ask()
    fleet.clock.move(-timedelta(days=2))

    assert fleet.desk().ask()


def test_what_an_operator_wants_to_know_is_said_once_by_the_fleet(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for account in (QUOTA, QUOTA, USED_UP, USED_UP, PAUSED, PAUSED, QUOTA):
        fleet.ses.account = account
        fleet.desk().ask()
        fleet.clock.move(ASK_INTERVAL)

    assert [getattr(each, "action", "") for each in caplog.records] == [
        "quota_changed",
        "daily_quota_used",
        "account_paused",
        "daily_quota_has_room",
        "account_resumed",
    ]


# At the gate


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def tell(office: PostOffice, account: Quota) -> None:
    """Let a worker ask SES, a minute later."""
    office.later(ASK_INTERVAL)
    office.ses.account = account
    desk = QuotaDesk(database=office.database, account=office.ses, clock=office.clock, share=0.05)
    assert desk.ask()


def reason_of(outcome: Outcome) -> str | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


def test_marketing_stops_before_the_part_of_the_day_that_is_kept_for_order_mail(
    office: PostOffice,
) -> None:
    tell(office, USED_UP)
    hello, receipt = office.send("hello"), office.send("receipt")

    assert reason_of(hello) == "daily_quota"
    assert isinstance(receipt, Sent)
    assert office.ses.calls == 1


def test_what_has_left_since_ses_was_asked_counts(office: PostOffice) -> None:
    office.enroll("e-2", office.subscriber("v", "bo@kund.example"))
    tell(office, replace(QUOTA, sent_last_day=949.0))
    one = office.send("hello")
    another = office.send("hello", enrollment_id="e-2")

    assert isinstance(one, Sent)
    assert reason_of(another) == "daily_quota"


def test_marketing_leaves_once_the_day_has_room_again(office: PostOffice) -> None:
    tell(office, USED_UP)
    held = office.send("hello")
    tell(office, QUOTA)

    assert reason_of(held) == "daily_quota"
    assert isinstance(office.send("hello"), Sent)


def test_a_quota_without_a_limit_on_the_day_holds_nothing(office: PostOffice) -> None:
    tell(office, replace(USED_UP, day_max=-1.0))

    assert isinstance(office.send("hello"), Sent)


def test_while_the_account_is_paused_every_message_waits_and_ses_is_left_alone(
    office: PostOffice,
) -> None:
    tell(office, PAUSED)
    office.later(timedelta(minutes=5))
    held = [office.send(step) for step in ("hello", "receipt")]
    tell(office, QUOTA)

    assert [reason_of(each) for each in held] == ["ses_paused", "ses_paused"]
    assert all(each.until - NOON <= timedelta(minutes=8) for each in held
               if isinstance(each, Deferred))  # fmt: skip
    assert office.ses.calls == 0
    assert isinstance(office.send("receipt"), Sent)


def test_what_ses_said_long_ago_holds_nothing_for_ses_has_its_own_word(office: PostOffice) -> None:
    tell(office, PAUSED)
    office.later(TRUSTED_FOR + SECOND)

    assert isinstance(office.send("hello"), Sent)


def test_before_ses_was_ever_asked_nothing_is_held(office: PostOffice) -> None:
    assert isinstance(office.send("hello"), Sent)


# How much room there is

days = st.builds(
    Day,
    day_max=st.floats(min_value=-1, max_value=1e7),
    sent=st.floats(min_value=0, max_value=1e7),
    send_rate_max=st.floats(min_value=1, max_value=1e4),
    told_at=st.just(NOON),
)


@given(day=days, share=st.floats(min_value=0, max_value=1), age=st.integers(0, 600))
def test_where_there_is_surely_room_not_even_the_full_rate_could_have_used_it_up(
    day: Day, share: float, age: int
) -> None:
    now = NOON + age * SECOND
    if has_surely_room(day, share=share, now=now):
        sent_since = day.send_rate_max * age
        assert sent_since < left_for_marketing(day, share=share)


@given(day_max=st.integers(1, 10**7), share=st.floats(min_value=0, max_value=1))
def test_what_is_kept_is_never_less_than_its_share_and_never_more_than_the_day(
    day_max: int, share: float
) -> None:
    assert day_max * share <= kept_for_order_mail(day_max, share) <= day_max


def test_the_queue_lets_less_through_than_ses_takes_but_never_nothing() -> None:
    assert [queue_rate(rate) for rate in (20.0, 1.0, 0.0)] == [19.0, 0.95, 0.95]


def test_in_the_sandbox_ten_of_two_hundred_are_kept() -> None:
    assert kept_for_order_mail(200, 0.05) == 10
