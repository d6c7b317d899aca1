"""The hour that suits a contact: always allowed, in every zone; better than chance; never our own.

Reference: what was measured on real households stands in `sekvens.send_time.best`.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sekvens.flows.builder import WORKDAYS, days, hours
from sekvens.flows.builder import best_time as best_time_of
from sekvens.flows.commands import NextBestTime
from sekvens.flows.steps import BestTime
from sekvens.send_time.best import (
    HOURS,
    Cohort,
    Shares,
    best_time,
    candidates,
    cohort_of,
    contact_hours,
    fixed_time,
    is_allowed,
    random_time,
    shop_hours,
)
from sekvens.send_time.quiet_hours import NEVER_QUIET, QuietHours, when_quiet_ends

ZONES = sorted(available_timezones())
NIGHT = QuietHours(begins=time(21), ends=time(8))
FLAT = (1 / HOURS,) * HOURS
#: A shop whose contacts come in the evening.
EVENING = shop_hours([1] * 18 + [10, 20, 10] + [1] * 3, [0] * HOURS, [0] * HOURS)
NONE = [0] * HOURS


@st.composite
def windows(draw: st.DrawFn) -> BestTime:
    """Make any window that `validate` lets pass."""
    begins = draw(st.integers(0, 22 * 60))
    ends = draw(st.integers(begins + 60, 24 * 60 - 1))
    fixed = draw(st.integers(begins, ends))
    weekdays = sorted(draw(st.sets(st.integers(0, 6), min_size=1)))
    apart = max(b - a for a, b in pairwise([*weekdays, weekdays[0] + 7]))
    return BestTime(
        earliest=time(*divmod(begins, 60)),
        latest=time(*divmod(ends, 60)),
        otherwise=time(*divmod(fixed, 60)),
        weekdays=tuple(weekdays),
        delay_max=days(apart) + timedelta(hours=draw(st.integers(0, 30))),
    )


instants = st.integers(0, 3 * 366 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
#: Around the nights on which clocks are changed in Europe, America, Australia and Chile.
edges = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from(
        [
            datetime(2026, month, day, tzinfo=UTC)
            for month, day in [(3, 8), (3, 28), (4, 4), (9, 5), (10, 3), (10, 24), (10, 31)]
        ]
    ),
    st.integers(-24 * 60, 48 * 60),
)
curves = st.lists(st.integers(0, 50), min_size=HOURS, max_size=HOURS)


def any_minute_is_allowed(question: NextBestTime, quiet: QuietHours, zone: str) -> bool:
    """Look at every quarter of an hour, to know without the code that is tested."""
    best, place = question.best_time, ZoneInfo(zone)
    at = question.not_before.replace(minute=question.not_before.minute // 15 * 15)
    while at <= question.not_before + best.delay_max:
        shown = at.astimezone(place)
        inside = best.earliest <= shown.time() <= best.latest
        counts = at >= question.not_before and shown.weekday() in best.weekdays
        if inside and counts and shown.minute == 0 and when_quiet_ends(at, quiet, zone) is None:
            return True
        at += timedelta(minutes=15)
    return False


@settings(max_examples=400)
@given(
    window=windows(),
    not_before=instants | edges,
    zone=st.sampled_from(ZONES),
    activity=curves,
    quiet=st.sampled_from([NIGHT, NEVER_QUIET]),
)
def test_in_every_zone_it_is_in_the_window_soon_enough_and_never_at_night(
    window, not_before, zone, activity, quiet
) -> None:
    question = NextBestTime(not_before=not_before, best_time=window)
    assume(candidates(question, quiet, zone))
    chosen = [
        best_time(question, contact_hours(activity, FLAT), quiet, zone),
        random_time(question, "e-1/a", quiet, zone),
        fixed_time(question, quiet, zone),
    ]

    for at in chosen:
        shown = at.astimezone(ZoneInfo(zone))
        assert window.earliest <= shown.time() <= window.latest
        assert shown.weekday() in window.weekdays
        assert timedelta(0) <= at - not_before <= window.delay_max
        assert when_quiet_ends(at, quiet, zone) is None
        assert at.tzinfo is UTC


@settings(max_examples=100)
@given(window=windows(), not_before=instants | edges, zone=st.sampled_from(ZONES))
def test_where_any_full_hour_is_allowed_one_is_found(window, not_before, zone) -> None:
    question = NextBestTime(not_before=not_before, best_time=window)

    found = candidates(question, NIGHT, zone)

    assert found or not any_minute_is_allowed(question, NIGHT, zone)


@settings(max_examples=100)
@given(window=windows(), not_before=instants | edges, zone=st.sampled_from(ZONES))
def test_a_window_that_validate_lets_pass_is_never_missed_where_no_hour_is_quiet(
    window, not_before, zone
) -> None:
    question = NextBestTime(not_before=not_before, best_time=window)

    assert candidates(question, NEVER_QUIET, zone)


@given(activity=curves, shop=curves)
def test_shares_add_up_to_one_and_no_hour_is_less_than_nothing(activity, shop) -> None:
    shares = contact_hours(activity, shop_hours(shop, NONE, NONE))

    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


@given(activity=curves, turned=st.integers(0, 23))
def test_midnight_is_an_hour_like_any_other(activity, turned) -> None:
    shares = contact_hours(activity, FLAT)

    other = contact_hours(activity[turned:] + activity[:turned], FLAT)

    assert other == pytest.approx(shares[turned:] + shares[:turned])


def at_hour(hour: int, count: int) -> list[int]:
    return [count if each == hour else 0 for each in range(HOURS)]


def test_of_whom_nothing_is_known_the_shops_hours_are_theirs() -> None:
    assert contact_hours(NONE, EVENING) == pytest.approx(EVENING)


def test_one_visit_moves_nobody_away_from_the_shops_hour_and_many_do() -> None:
    once, often = contact_hours(at_hour(9, 1), EVENING), contact_hours(at_hour(9, 20), EVENING)

    assert once.index(max(once)) == 19
    assert often.index(max(often)) == 9


def test_clicks_count_beside_what_was_sent_and_not_by_themselves() -> None:
    sends = [1_000] * HOURS
    sends[10] = 100_000  # most was always sent at ten, and clicked no more often for that
    as_often = shop_hours([1] * HOURS, sends, [count // 100 for count in sends])
    more_at_eight = [count // 100 for count in sends]
    more_at_eight[20] = 60

    lifted = shop_hours([1] * HOURS, sends, more_at_eight)

    assert as_often == pytest.approx(FLAT)
    assert lifted.index(max(lifted)) == 20
    assert lifted[20] < 6 / HOURS  # and it is not believed in full


EVERY_DAY = best_time_of("08:00", "20:00", otherwise="10:00")
SUNDAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def chosen(window: BestTime, shares: tuple[float, ...], not_before: datetime = SUNDAY) -> str:
    question = NextBestTime(not_before=not_before, best_time=window)
    return f"{best_time(question, shares, NIGHT, 'UTC'):%a %H:%M}"


def test_it_is_the_hour_of_the_window_with_the_greatest_share() -> None:
    assert chosen(EVERY_DAY, EVENING) == "Sun 19:00"
    assert chosen(replace(EVERY_DAY, latest=time(17, 30)), at_share(9)) == "Mon 09:00"
    assert chosen(EVERY_DAY, FLAT) == "Sun 12:00"


def test_a_survey_at_lunch_waits_for_a_workday() -> None:
    lunch = best_time_of("11:30", "13:30", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(3))

    assert chosen(lunch, at_share(13)) == "Mon 13:00"
    assert chosen(lunch, at_share(19), SUNDAY - days(1)) == "Mon 11:30"


def at_share(hour: int) -> tuple[float, ...]:
    return tuple(float(each == hour) for each in range(HOURS))


def test_where_every_hour_is_quiet_it_is_the_fixed_hour_and_the_calm_holds_it() -> None:
    night = best_time_of("22:00", "23:30", otherwise="22:30")

    assert chosen(night, EVENING) == "Sun 22:30"


def test_cohorts_are_drawn_once_and_as_many_as_was_said() -> None:
    shares = Shares(random=0.02, fixed=0.1)
    drawn = [cohort_of(f"c-{number}", shares) for number in range(20_000)]

    assert drawn == [cohort_of(f"c-{number}", shares) for number in range(20_000)]
    assert drawn.count(Cohort.RANDOM) / 20_000 == pytest.approx(0.02, abs=0.005)
    assert drawn.count(Cohort.FIXED) / 20_000 == pytest.approx(0.1, abs=0.01)


def test_chance_gives_every_hour_of_the_window_its_turn_and_keeps_to_it() -> None:
    question = NextBestTime(not_before=SUNDAY - hours(6), best_time=EVERY_DAY)
    drawn = [random_time(question, f"e-{each}", NIGHT, "UTC") for each in range(1_000)]

    assert {at.hour for at in drawn} == set(range(8, 21))
    assert random_time(question, "e-7", NIGHT, "UTC") == drawn[7]
    assert is_allowed(drawn[0], question, NIGHT, "UTC")


def test_the_fixed_hour_of_a_day_of_25_hours_comes_too_late_and_an_earlier_one_is_taken() -> None:
    just_after_ten = datetime(2026, 10, 24, 8, 0, 1, tzinfo=UTC)
    question = NextBestTime(not_before=just_after_ten, best_time=EVERY_DAY)

    at = fixed_time(question, NIGHT, "Europe/Stockholm")

    assert at - just_after_ten <= days(1)
    assert f"{at.astimezone(ZoneInfo('Europe/Stockholm')):%a %H:%M}" == "Sat 11:00"
