"""Shop time is wall time, or runs evenly from an origin; the two never part otherwise."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sekvens.flows.shop_time import DAY, ShopTime, shop_time

ORIGIN = datetime(2026, 11, 21, 12, tzinfo=UTC)
#: Wall time that a demo may take: at its quickest, centuries of shop time.
spans = st.timedeltas(timedelta(0), timedelta(hours=1))
day_lengths = st.timedeltas(timedelta(milliseconds=50), DAY - timedelta(seconds=1))


def test_a_day_that_lasts_a_day_is_wall_time() -> None:
    assert shop_time(DAY, ORIGIN) == ShopTime()
    assert ShopTime().at(ORIGIN + timedelta(hours=1)) == ORIGIN + timedelta(hours=1)


def test_a_day_may_pass_in_two_seconds() -> None:
    quick = shop_time(timedelta(seconds=2), ORIGIN)

    assert quick.at(ORIGIN) == ORIGIN
    assert quick.at(ORIGIN + timedelta(seconds=14)) == ORIGIN + 7 * DAY
    assert quick.wall_delay(7 * DAY) == timedelta(seconds=14)


@given(day_lengths, spans)
def test_waiting_for_a_wall_delay_passes_that_much_shop_time(
    day: timedelta, delay: timedelta
) -> None:
    quick = shop_time(day, ORIGIN)
    passed = quick.at(ORIGIN + quick.wall_delay(delay)) - ORIGIN

    # A wall clock counts microseconds: so much shop time is lost in rounding, and no more.
    assert abs(passed - delay) <= timedelta(microseconds=quick.speed + 1)


@given(day_lengths, spans, spans)
def test_shop_time_never_goes_back(day: timedelta, one: timedelta, other: timedelta) -> None:
    quick = shop_time(day, ORIGIN)
    earlier, later = sorted([ORIGIN + one, ORIGIN + other])

    assert quick.at(earlier) <= quick.at(later)


def test_shop_time_keeps_the_zone_in_which_it_is_asked() -> None:
    assert shop_time(timedelta(seconds=2), ORIGIN).at(ORIGIN).tzinfo is UTC
