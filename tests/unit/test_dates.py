"""Dates that come round every year."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.db.session import Database
from sekvens.enrollments.dates import next_date
from sekvens.flows.builder import anniversary_of, date_of, offer_end
from sekvens.flows.commands import NextDate
from sekvens.flows.steps import Date
from sekvens.send_time.dates import day_of_year, last_day_at, next_return, next_return_at
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, identify
from tests.unit.sending import PostOffice

NINE = time(9)


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("1987-04-12", (4, 12)),
        ("--04-12", (4, 12)),
        ("04-12", (4, 12)),
        ("1987-04-12T00:00:00Z", (4, 12)),
        (date(1987, 4, 12), (4, 12)),
        ("1988-02-29", (2, 29)),
        ("12 April", None),
        ("2001-13-01", None),
        ("2001-02-30", None),
        (19870412, None),
        (None, None),
    ],
)
def test_a_date_is_read_as_shops_write_it(told: object, day: tuple[int, int] | None):
    assert day_of_year(told) == day


def test_who_was_born_on_a_leap_day_has_it_a_day_before_in_other_years():
    assert next_return("1988-02-29", not_before=date(2026, 1, 1)) == date(2026, 2, 28)
    assert next_return("1988-02-29", not_before=date(2028, 1, 1)) == date(2028, 2, 29)


def test_the_day_itself_counts_until_the_hour_has_passed():
    at_nine = datetime(2026, 4, 12, 7, tzinfo=UTC)  # 9 o'clock in Stockholm
    asked = {"zone": "Europe/Stockholm"}

    assert next_return_at("04-12", NINE, not_before=at_nine, **asked) == at_nine
    passed = next_return_at("04-12", NINE, not_before=at_nine + timedelta(minutes=1), **asked)
    assert passed == datetime(2027, 4, 12, 7, tzinfo=UTC)


@given(
    told=st.dates(date(1920, 1, 1), date(2020, 12, 31)),
    not_before=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["Europe/Stockholm", "America/New_York", "Pacific/Apia", "Asia/Kolkata"]),
)
def test_a_date_returns_within_a_year_at_its_hour(told: date, not_before: datetime, zone: str):
    instant = next_return_at(told.isoformat(), NINE, not_before=not_before, zone=zone)

    assert instant is not None
    assert not_before <= instant <= not_before + timedelta(days=367)
    assert instant.astimezone(ZoneInfo(zone)).time() == NINE


def test_the_last_day_of_an_offer_is_the_last_whole_day():
    ends = datetime(2026, 3, 14, 8, tzinfo=UTC)
    at = last_day_at(ends, NINE, days_before=0, zone="Europe/Stockholm")

    assert at == datetime(2026, 3, 13, 8, tzinfo=UTC)


def asks(office: PostOffice, asked: Date) -> datetime | None:
    question = NextDate(not_before=NOON, date=asked)
    with office.database.read() as session:
        return next_date(
            session,
            question,
            enrollment_id="e-1",
            contact_id=office.contact_id,
            now=NOON,
            shop=sample_shop(),
        )


def test_a_birthday_is_waited_for_where_the_contact_lives(database: Database):
    office = PostOffice(database)
    unknown = asks(office, date_of("birthday", at="09:00"))
    office.shop.post(identify("u", birthday="1987-04-12"))

    assert unknown is None
    assert asks(office, date_of("birthday", at="09:00")) == datetime(2026, 4, 12, 6, tzinfo=UTC)


def test_an_anniversary_is_that_of_the_first_time(database: Database):
    office = PostOffice(database)

    assert asks(office, anniversary_of("Order Completed", at="09:00")) is None
    assert asks(office, anniversary_of("Email Subscribed", at="09:00")) == datetime(
        2027, 3, 3, 7, tzinfo=UTC
    )


def test_an_offer_that_was_never_made_has_no_end(database: Database):
    assert asks(PostOffice(database), offer_end("welcome", at="09:00")) is None
