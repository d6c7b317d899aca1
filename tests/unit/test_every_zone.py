"""Every change of every clock of the world, from 2026 to 2028: nine stays nine, and night night.

Not a sample: the changes are found in the same database that the product reads, and each is tried.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from sekvens.flows.steps import LocalTime
from sekvens.messages.calm import HoldReason, Rules, Situation, hold
from sekvens.send_time.local_time import next_local_time
from sekvens.send_time.quiet_hours import MOMENT, QuietHours, when_quiet_ends

WEEK, DAY, HALF_HOUR = timedelta(weeks=1), timedelta(days=1), timedelta(minutes=30)
BEGINS, ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
NINE = LocalTime(at=time(9))
NIGHT = QuietHours(begins=time(21), ends=time(8))
RULES = Rules(quiet=NIGHT, per_day=1, per_week=0)


class Change(NamedTuple):
    """A clock that is put forward or back."""

    zone: str
    at: datetime  #: the first instant that shows the new time
    by: timedelta  #: forward, or (negative) back

    @property
    def place(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def shown(self, instant: datetime) -> datetime:
        """Tell what the clock shows, as a naive time."""
        return instant.astimezone(self.place).replace(tzinfo=None)

    @property
    def middle(self) -> datetime:
        """Tell the middle of what the clock leaves out, or of what it shows twice."""
        new = self.shown(self.at)
        return new - self.by / 2


@cache
def changes() -> tuple[Change, ...]:
    """Find every change of every zone."""
    found = []
    for zone in sorted(available_timezones()):
        place, instant = ZoneInfo(zone), BEGINS
        offset = instant.astimezone(place).utcoffset()
        while instant < ENDS:
            later = instant + WEEK  # no ruler has put clocks forward and back within one
            if later.astimezone(place).utcoffset() != offset:
                at = _first(instant, later, place)
                new = at.astimezone(place).utcoffset()
                assert new is not None
                assert offset is not None
                found.append(Change(zone, at, new - offset))
                offset = later.astimezone(place).utcoffset()
            instant = later
    return tuple(found)


def _first(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    offset = before.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(place).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def is_night(shown: datetime) -> bool:
    return not time(8) <= shown.time() < time(21)


def test_the_changes_are_those_of_the_world() -> None:
    found = changes()
    by_hand = datetime(2026, 3, 29, 1, tzinfo=UTC)

    assert Change("Europe/Stockholm", by_hand, timedelta(hours=1)) in found
    assert len({change.zone for change in found}) > 150
    assert {change.by for change in found} >= {
        timedelta(minutes=minutes) for minutes in (60, -60, 30, -30)
    }


def test_nine_oclock_stays_nine_oclock_once_on_each_day_over_every_change() -> None:
    wrong = []
    for change in changes():
        at, days = change.at - 3 * DAY, list[date]()
        for _ in range(6):
            at = next_local_time(at + MOMENT, NINE, change.zone)
            shown = change.shown(at)
            days.append(shown.date())
            if shown.time() != time(9):
                wrong.append((change, shown))
        if days != [days[0] + number * DAY for number in range(6)]:
            wrong.append((change, days))

    assert wrong == []


def test_a_time_that_is_left_out_is_the_first_instant_after_it() -> None:
    forward = [change for change in changes() if change.by > timedelta(0)]
    found = {
        change: next_local_time(
            change.at - DAY / 2, LocalTime(at=change.middle.time()), change.zone
        )
        for change in forward
    }

    # Where the clock leaps over midnight, that day has no such time any more: the next day's.
    over_midnight = {
        change for change in forward if change.middle.date() != change.shown(change.at).date()
    }
    assert [
        change for change in forward if found[change] != change.at and change not in over_midnight
    ] == []
    assert len(forward) > 400


def test_a_time_that_is_shown_twice_is_the_first_and_not_the_second() -> None:
    back = [change for change in changes() if change.by < timedelta(0)]
    wrong = []
    for change in back:
        local_time = LocalTime(at=change.middle.time())
        first = next_local_time(change.at - DAY / 2, local_time, change.zone)
        again = next_local_time(first + MOMENT, local_time, change.zone)
        if first != change.at + change.by / 2 or again - first < DAY / 2:
            wrong.append((change, first, again))

    assert wrong == []
    assert len(back) > 400


def test_nothing_leaves_at_night_around_any_change() -> None:
    wrong = []
    # Zones that show the same at the same instants are looked at once.
    distinct = {(change.at, change.by, change.shown(change.at)): change for change in changes()}
    for change in distinct.values():
        situation = Situation(zone=change.zone)
        for number in range(-24, 25):
            now = change.at + number * HALF_HOUR
            held = hold(RULES, situation, now=now)
            leaves = held.until if held else now
            if is_night(change.shown(leaves)) or (held is not None) != is_night(change.shown(now)):
                wrong.append((change, now, leaves))

    assert wrong == []


def test_a_night_ends_when_the_clock_first_shows_its_end_whatever_the_change() -> None:
    wrong = []
    for change in changes():
        evening = next_local_time(change.at - DAY, LocalTime(at=time(21)), change.zone)
        ends = when_quiet_ends(evening, NIGHT, change.zone)
        if ends is None or change.shown(ends).time() != time(8):
            wrong.append((change, ends))

    assert wrong == []


def test_whoever_had_one_gets_the_next_on_the_next_date_after_the_night() -> None:
    wrong = []
    for change in changes():
        for earlier in (DAY, timedelta(0)):
            noon = next_local_time(change.at - earlier, LocalTime(at=time(12)), change.zone)
            held = hold(RULES, Situation(zone=change.zone, sent=(noon,)), now=noon + HALF_HOUR)
            assert held is not None
            shown = change.shown(held.until)
            tomorrow = change.shown(noon).date() + DAY
            if (shown.date(), shown.time(), held.reason) != (
                tomorrow,
                time(8),
                HoldReason.FREQUENCY_CAP,
            ):
                wrong.append((change, shown, held.reason))

    assert wrong == []
