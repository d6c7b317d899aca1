"""The next local time: right on every clock of the world, whatever its rulers do to it."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekvens.flows.steps import LocalTime
from sekvens.send_time.local_time import next_local_time, zone_or
from sekvens.send_time.quiet_hours import QuietHours, next_day, when_quiet_ends

QUARTER = timedelta(minutes=15)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
ZONES = sorted(available_timezones())

#: Zones whose clocks change at an odd hour, by an odd step or over midnight.
ODD = [
    "Africa/Cairo", "America/Nuuk", "America/St_Johns", "America/Santiago", "Asia/Beirut",
    "Asia/Jerusalem", "Australia/Lord_Howe", "Europe/Stockholm", "Pacific/Chatham",
]  # fmt: skip
zones = st.sampled_from(ZONES) | st.sampled_from(ODD)


def minutes_after(start: datetime, count: int) -> st.SearchStrategy[datetime]:
    return st.integers(0, count).map(lambda number: start + timedelta(minutes=number))


#: Since 2012 every change of every zone falls on a quarter of an hour, which is what lets the slow
#: way below look at quarters only.
instants = minutes_after(datetime(2012, 1, 3, tzinfo=UTC), 13_000_000)
#: The changes of daylight saving of 2026 in Europe, America, Lord Howe, Israel, Egypt and Chile.
edges = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(
        [
            datetime(2026, month, day, hour, tzinfo=UTC)
            for month, day, hour in [
                (3, 8, 7), (3, 27, 0), (3, 29, 1), (4, 4, 15), (4, 5, 3), (4, 23, 22),
                (9, 6, 4), (10, 3, 15), (10, 24, 23), (10, 25, 1), (10, 29, 21), (11, 1, 6),
            ]
        ]
    ),
    st.integers(-2000, 200),
)  # fmt: skip
quarters = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
weekdays = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))


def the_slow_way(not_before: datetime, local_time: LocalTime, zone: str) -> datetime:
    # On each date it is the first quarter at which the clock shows the time or a later one.
    place = ZoneInfo(zone)
    instant = not_before.replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
    firsts = {}
    while True:
        shown = instant.astimezone(place)
        if shown.time() >= local_time.at and shown.date() not in firsts:
            firsts[shown.date()] = instant
            if instant >= not_before and shown.weekday() in local_time.weekdays:
                return instant
        instant += QUARTER


def next_at(at: str, zone: str, not_before: str, weekdays: tuple[int, ...] = EVERY_DAY) -> str:
    local_time = LocalTime(at=time.fromisoformat(at), weekdays=weekdays)
    instant = next_local_time(datetime.fromisoformat(not_before), local_time, zone)
    return f"{instant:%Y-%m-%d %H:%M}"


@settings(max_examples=150)
@given(zone=zones, not_before=instants | edges, at=quarters, days=weekdays)
@example(
    zone="America/Nuuk",
    not_before=datetime(2024, 3, 31, tzinfo=UTC),
    at=time(23, 30),
    days=EVERY_DAY,
)
def test_it_is_what_looking_at_every_quarter_of_an_hour_finds(zone, not_before, at, days) -> None:
    local_time = LocalTime(at=at, weekdays=days)

    found = next_local_time(not_before, local_time, zone)

    assert found == the_slow_way(not_before, local_time, zone)


@settings(max_examples=300)
@given(
    zone=zones,
    not_before=minutes_after(datetime(1970, 1, 1, tzinfo=UTC), 68_000_000),
    at=st.times(),
    days=weekdays,
)
def test_it_is_never_too_early_and_always_on_a_day_that_counts(zone, not_before, at, days) -> None:
    found = next_local_time(not_before, LocalTime(at=at, weekdays=days), zone)
    shown = found.astimezone(ZoneInfo(zone))

    assert found >= not_before
    assert found - not_before <= timedelta(days=15)
    assert shown.weekday() in days
    assert shown.time() >= at
    assert found.tzinfo is UTC


def test_every_zone_has_a_morning_in_january_and_in_july() -> None:
    noons = [datetime(2026, month, 15, 12, tzinfo=UTC) for month in (1, 7)]
    found = [
        next_local_time(noon, LocalTime(at=time(9)), zone).astimezone(ZoneInfo(zone)).time()
        for zone in ZONES
        for noon in noons
    ]

    assert set(found) == {time(9)}


def test_stockholm_in_winter_and_in_summer() -> None:
    assert next_at("09:00", "Europe/Stockholm", "2026-01-15T12:00Z") == "2026-01-16 08:00"
    assert next_at("09:00", "Europe/Stockholm", "2026-07-15T12:00Z") == "2026-07-16 07:00"


def test_the_instant_asked_about_may_be_the_answer() -> None:
    assert next_at("09:00", "Europe/Stockholm", "2026-01-15T08:00Z") == "2026-01-15 08:00"
    assert next_at("09:00", "Europe/Stockholm", "2026-01-15T08:00:01Z") == "2026-01-16 08:00"


def test_a_time_that_the_clock_jumps_over_is_the_moment_of_the_jump() -> None:
    assert next_at("02:30", "Europe/Stockholm", "2026-03-28T12:00Z") == "2026-03-29 01:00"
    assert next_at("02:00", "Europe/Stockholm", "2026-03-28T12:00Z") == "2026-03-29 01:00"
    assert next_at("03:00", "Europe/Stockholm", "2026-03-28T12:00Z") == "2026-03-29 01:00"


def test_a_time_that_the_clock_shows_twice_is_the_first() -> None:
    assert next_at("02:30", "Europe/Stockholm", "2026-10-24T12:00Z") == "2026-10-25 00:30"
    assert next_at("02:30", "Europe/Stockholm", "2026-10-25T00:45Z") == "2026-10-26 01:30"


def test_lord_howe_moves_its_clock_by_half_an_hour() -> None:
    assert next_at("02:15", "Australia/Lord_Howe", "2026-10-03T12:00Z") == "2026-10-03 15:30"
    assert next_at("01:45", "Australia/Lord_Howe", "2026-04-04T12:00Z") == "2026-04-04 14:45"


def test_apia_had_no_30_december_2011() -> None:
    assert next_at("09:00", "Pacific/Apia", "2011-12-29T20:00Z") == "2011-12-30 19:00"
    assert next_at("09:00", "Pacific/Apia", "2011-12-29T20:00Z", weekdays=(4,)) == (
        "2012-01-05 19:00"
    )


def test_a_weekday_is_one_of_the_local_calendar() -> None:
    # Saturday evening in UTC is Sunday morning in Auckland.
    assert next_at("09:00", "Pacific/Auckland", "2026-06-06T12:00Z", weekdays=(6,)) == (
        "2026-06-06 21:00"
    )


def test_a_naive_instant_and_no_weekday_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        next_local_time(datetime(2026, 1, 1), LocalTime(at=time(9)), "UTC")  # noqa: DTZ001
    with pytest.raises(ValueError, match="no weekday counts"):
        next_at("09:00", "UTC", "2026-01-01T00:00Z", weekdays=())


@pytest.mark.parametrize(
    "zone", [None, "", "Mars/Olympus", "../etc/passwd", "/etc", "a" * 300, "\0"]
)
def test_what_is_no_zone_is_replaced_by_the_shop_s(zone: str | None) -> None:
    assert zone_or(zone, "Europe/Stockholm") == "Europe/Stockholm"


def test_a_zone_is_kept() -> None:
    assert zone_or("Asia/Kathmandu", "Europe/Stockholm") == "Asia/Kathmandu"


AT_NIGHT = QuietHours(begins=time(21), ends=time(8))


def quiet_until(
    now: str, zone: str = "Europe/Stockholm", quiet: QuietHours = AT_NIGHT
) -> str | None:
    ends = when_quiet_ends(datetime.fromisoformat(now), quiet, zone)
    return None if ends is None else f"{ends:%Y-%m-%d %H:%M}"


def between(begins: str, ends: str) -> QuietHours:
    return QuietHours(begins=time.fromisoformat(begins), ends=time.fromisoformat(ends))


def test_a_night_begins_and_ends_to_the_moment() -> None:
    assert quiet_until("2026-01-15T19:59:59.999999Z") is None
    assert quiet_until("2026-01-15T20:00Z") == "2026-01-16 07:00"
    assert quiet_until("2026-01-16T06:59:59.999999Z") == "2026-01-16 07:00"
    assert quiet_until("2026-01-16T07:00Z") is None


def test_quiet_hours_may_lie_within_a_day_or_be_none() -> None:
    siesta = between("13:00", "15:00")

    assert quiet_until("2026-01-15T12:30Z", quiet=siesta) == "2026-01-15 14:00"
    assert quiet_until("2026-01-15T22:30Z", quiet=siesta) is None
    assert quiet_until("2026-01-15T22:30Z", quiet=between("08:00", "08:00")) is None


def test_a_night_in_which_the_clock_changes_is_an_hour_shorter_or_longer() -> None:
    assert quiet_until("2026-03-28T22:00Z") == "2026-03-29 06:00"
    assert quiet_until("2026-10-24T22:00Z") == "2026-10-25 07:00"


def test_an_hour_that_is_shown_twice_ends_a_night_once() -> None:
    until_half_past_two = between("21:00", "02:30")

    assert quiet_until("2026-10-25T00:29Z", quiet=until_half_past_two) == "2026-10-25 00:30"
    # The clock shows ten past two again, and the night is over.
    assert quiet_until("2026-10-25T01:10Z", quiet=until_half_past_two) is None


def test_where_the_clock_jumps_over_both_ends_it_goes_by_their_order() -> None:
    # On 29 March it goes from two to three.
    assert quiet_until("2026-03-29T00:30Z", quiet=between("02:10", "02:50")) is None
    assert quiet_until("2026-03-29T00:30Z", quiet=between("02:50", "02:10")) == "2026-03-29 01:00"
    assert quiet_until("2026-03-29T01:00Z", quiet=between("02:50", "02:10")) == "2026-03-30 00:10"


@settings(max_examples=300)
@given(zone=zones, now=instants | edges, begins=quarters, ends=quarters)
def test_quiet_hours_are_over_when_they_are_over(zone, now, begins, ends) -> None:
    quiet = QuietHours(begins=begins, ends=ends)
    over = when_quiet_ends(now, quiet, zone)

    assert over is None or now < over <= now + timedelta(days=3)
    # Where both ends lie in one jump of the clock, one stretch ends and the next begins.
    assert over is None or when_quiet_ends(over, quiet, zone) in (None, next_end(over, ends, zone))


@settings(max_examples=300)
@given(zone=zones, now=instants | edges, begins=quarters, ends=quarters)
def test_what_is_worked_out_once_for_a_day_is_so_at_each_of_its_moments(
    zone, now, begins, ends
) -> None:
    over, begun = next_end(now, ends, zone), next_end(now, begins, zone)
    is_quiet = begins != ends and (over < begun or (over == begun and ends < begins))

    found = when_quiet_ends(now, QuietHours(begins=begins, ends=ends), zone)
    assert found == (over if is_quiet else None)


def next_end(now: datetime, ends: time, zone: str) -> datetime:
    return next_local_time(now + timedelta(microseconds=1), LocalTime(at=ends), zone)


@settings(max_examples=300)
@given(zone=zones, now=instants | edges)
def test_the_next_day_is_the_first_moment_of_a_later_date(zone, now) -> None:
    begins, place = next_day(now, zone), ZoneInfo(zone)
    before = begins - timedelta(seconds=1)

    assert begins > now
    assert begins.astimezone(place).date() > now.astimezone(place).date()
    assert before < now or before.astimezone(place).date() <= now.astimezone(place).date()
