"""When a marketing e-mail may leave: never at night, never too many, and not a moment too late."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekvens.messages.calm import DAYS_MAX, Hold, HoldReason, Rules, Situation, hold
from sekvens.send_time.quiet_hours import QuietHours

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NIGHT = QuietHours(begins=time(21), ends=time(8))
NEVER = QuietHours(begins=time(0), ends=time(0))
RULES = Rules(quiet=NIGHT, per_day=1, per_week=4)
ZONES = sorted(available_timezones())


def at(text: str) -> datetime:
    """Read a time in Stockholm, in the winter of 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZoneInfo("Europe/Stockholm"))


def held(now: datetime, *, rules: Rules = RULES, **known: Any) -> Hold | None:
    return hold(rules, Situation(**({"zone": "Europe/Stockholm"} | known)), now=now)


def until(text: str, reason: HoldReason) -> Hold:
    return Hold(reason=reason, until=at(text))


def mornings(*days: str) -> tuple[datetime, ...]:
    return tuple(at(f"{day} 09:00") for day in days)


@pytest.mark.parametrize("now", ["03-04 08:00", "03-04 12:00", "03-04 20:59:59.999999"])
def test_by_day_an_e_mail_may_leave(now: str) -> None:
    assert held(at(now)) is None


@pytest.mark.parametrize("now", ["03-04 21:00", "03-04 23:59", "03-05 00:00", "03-05 07:59:59"])
def test_at_night_it_waits_for_the_morning(now: str) -> None:
    assert held(at(now)) == until("03-05 08:00", HoldReason.QUIET_HOURS)


def test_the_night_is_the_contacts_own() -> None:
    assert held(at("03-04 12:00"), zone="Pacific/Auckland") == Hold(
        reason=HoldReason.QUIET_HOURS, until=datetime(2026, 3, 4, 19, tzinfo=UTC)
    )


def test_the_second_e_mail_of_a_day_waits_for_the_next_morning() -> None:
    sent = mornings("03-04")

    assert held(at("03-04 10:00"), sent=sent) == until("03-05 08:00", HoldReason.FREQUENCY_CAP)


def test_a_day_is_a_date_of_the_contacts_calendar() -> None:
    sent = (at("03-04 20:59"),)

    assert held(at("03-05 08:00"), sent=sent) is None
    assert held(at("03-05 08:00"), sent=sent, zone="America/Los_Angeles") is not None


def test_an_e_mail_at_nine_each_morning_is_not_pushed_back_by_yesterdays_delay() -> None:
    assert held(at("03-05 09:00"), sent=(at("03-04 09:40"),)) is None


def test_the_fifth_e_mail_of_a_week_waits_until_the_first_is_a_week_old() -> None:
    sent = mornings("03-02", "03-03", "03-04", "03-05")
    pushed = until("03-09 08:00", HoldReason.FREQUENCY_CAP)

    assert held(at("03-06 12:00"), sent=sent) == pushed
    assert held(at("03-09 08:00"), sent=sent) is None


def test_a_cap_of_none_counts_nothing() -> None:
    rules = replace(RULES, per_day=0, per_week=0)

    assert held(at("03-04 10:00"), rules=rules, sent=mornings("03-04") * 9) is None


def test_what_may_pass_the_cap_passes_the_cap_and_no_night() -> None:
    known = {"sent": mornings("03-04"), "ahead": mornings("03-04"), "past_cap": True}

    assert held(at("03-04 10:00"), **known) is None
    assert held(at("03-04 22:00"), **known) == until("03-05 08:00", HoldReason.QUIET_HOURS)


def test_nothing_leaves_on_a_blackout_date_of_this_year_or_of_every_year() -> None:
    rules = replace(RULES, blackout_dates=frozenset({"2026-11-27", "11-28", "2025-11-29"}))

    assert held(at("11-27 10:00"), rules=rules) == until("11-29 08:00", HoldReason.BLACKOUT)


def test_the_night_before_a_blackout_date_ends_after_it() -> None:
    rules = replace(RULES, blackout_dates=frozenset({"12-24"}))

    assert held(at("12-23 22:00"), rules=rules) == until("12-25 08:00", HoldReason.BLACKOUT)


def test_a_calendar_without_a_free_day_is_looked_at_again_in_a_year() -> None:
    everyday = frozenset(f"{date(2024, 1, 1) + day * DAY:%m-%d}" for day in range(366))
    found = held(at("03-04 10:00"), rules=replace(RULES, blackout_dates=everyday))

    assert found is not None
    assert found.until - at("03-04 10:00") > (DAYS_MAX - 2) * DAY


def test_who_rests_is_left_in_peace_until_the_day_and_its_morning() -> None:
    resting = {"rests_until": at("06-01 03:00")}

    assert held(at("03-04 10:00"), **resting) == until("06-01 08:00", HoldReason.RESTING)
    assert held(at("06-01 10:00"), **resting) is None


@pytest.mark.parametrize("past_cap", [True, False])
def test_an_open_case_holds_every_e_mail_and_somebody_looks_again(past_cap: object) -> None:
    cases = frozenset({HoldReason.OPEN_DELAY, HoldReason.OPEN_COMPLAINT})
    found = held(at("03-04 10:00"), open_cases=cases, past_cap=past_cap)

    assert found == until("03-04 16:00", HoldReason.OPEN_COMPLAINT)


def test_the_reason_is_what_costs_the_most_time() -> None:
    sent = mornings("03-02", "03-03", "03-04", "03-05")

    assert held(at("03-05 22:00"), sent=sent[-1:]) == until("03-06 08:00", HoldReason.QUIET_HOURS)
    assert held(at("03-05 22:00"), sent=sent) == until("03-09 08:00", HoldReason.FREQUENCY_CAP)


def test_what_is_about_to_use_up_the_cap_goes_first() -> None:
    ahead = (at("03-04 15:00"),)

    assert held(at("03-04 10:00"), ahead=ahead) == until("03-04 16:00", HoldReason.PRIORITY)
    assert held(at("03-04 10:00"), ahead=(at("03-05 15:00"),)) is None


def test_where_there_is_room_for_both_nobody_waits() -> None:
    two_a_day, ahead = replace(RULES, per_day=2), mornings("03-04")

    assert held(at("03-04 08:30"), rules=two_a_day, ahead=ahead) is None
    assert held(at("03-04 08:30"), rules=two_a_day, ahead=ahead * 2) is not None
    assert held(at("03-04 08:30"), rules=replace(RULES, per_day=0, per_week=0), ahead=ahead) is None


def test_what_is_due_at_night_leaves_the_next_morning_and_needs_no_room_today() -> None:
    ahead = (at("03-04 22:00"),)

    assert held(at("03-04 20:30"), ahead=ahead) is None
    assert held(at("03-05 08:00"), ahead=ahead) == until("03-05 09:00", HoldReason.PRIORITY)


def test_nobody_waits_behind_an_e_mail_that_is_a_day_late() -> None:
    ahead = (at("03-04 09:00"),)

    assert held(at("03-05 08:59"), ahead=ahead) == until("03-05 09:59", HoldReason.PRIORITY)
    assert held(at("03-05 09:00"), ahead=ahead) is None


def test_nobody_lets_others_go_first_until_it_is_too_late_for_themselves() -> None:
    known = {"ahead": (at("03-04 15:00"),)}

    assert held(at("03-04 10:00"), **known, latest=at("03-04 16:00")) is not None
    assert held(at("03-04 10:00"), **known, latest=at("03-04 15:59")) is None


zones = st.sampled_from(ZONES)
instants = st.integers(0, 13_000_000).map(
    lambda minutes: datetime(2012, 1, 3, tzinfo=UTC) + minutes * MINUTE
)
ages = st.lists(st.integers(0, 9 * 24 * 60), max_size=6)
blackouts = st.sets(st.integers(0, 5), max_size=4)


@settings(max_examples=300)
@given(zone=zones, now=instants, ages=ages, blackouts=blackouts)
@example(zone="Pacific/Apia", now=datetime(2011, 12, 30, 6, tzinfo=UTC), ages=[9], blackouts=set())
def test_in_every_zone_it_is_the_first_minute_of_calm(zone, now, ages, blackouts) -> None:
    place = ZoneInfo(zone)
    sent = tuple(now - age * MINUTE for age in ages)
    today = now.astimezone(place).date()
    dates = frozenset((today + day * DAY).isoformat() for day in blackouts)
    found = held(now, rules=replace(RULES, blackout_dates=dates), zone=zone, sent=sent)

    assert (found.until if found else now) == the_slow_way(now, place, sent, dates)


def the_slow_way(
    now: datetime, place: ZoneInfo, sent: tuple[datetime, ...], blackouts: frozenset[str]
) -> datetime:
    """Look at every minute: every change of a clock since 2012 falls on one."""
    days = [one.astimezone(place).date() for one in sent]
    while True:
        shown = now.astimezone(place)
        ages = [(shown.date() - day).days for day in days]
        full = ages.count(0) >= RULES.per_day or sum(0 <= age < 7 for age in ages) >= 4
        if time(8) <= shown.time() < time(21) and not full and f"{shown:%Y-%m-%d}" not in blackouts:
            return now
        now += MINUTE


@settings(max_examples=200)
@given(zone=zones, now=instants, due=st.lists(st.integers(0, 300), max_size=8, unique=True))
def test_in_any_week_nobody_gets_more_than_the_cap_and_everything_leaves(zone, now, due) -> None:
    place, sent = ZoneInfo(zone), []
    for hours in sorted(due):
        at = now + hours * HOUR
        while (found := held(at, zone=zone, sent=tuple(sent))) is not None:
            assert found.until > at
            at = found.until
        sent.append(at)

    days = [one.astimezone(place).date() for one in sent]
    assert len(set(days)) == len(days)
    assert all(sum(0 <= (last - day).days < 7 for day in days) <= 4 for last in days)


@settings(max_examples=200)
@given(
    now=instants,
    ahead=st.lists(st.integers(-2000, 4000), max_size=4),
    late=st.none() | st.integers(0, 5000),
)
def test_letting_others_go_first_ends(now, ahead, late) -> None:
    expected = tuple(now + minutes * MINUTE for minutes in ahead)
    latest = None if late is None else now + late * MINUTE
    at, looks = now, 0
    while found := held(at, rules=replace(RULES, quiet=NEVER), ahead=expected, latest=latest):
        at, looks = found.until, looks + 1
        assert latest is None or at <= latest

    assert looks <= 4 * 26
    assert at <= max([now, *expected]) + 26 * HOUR
