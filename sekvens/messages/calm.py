"""The calm that a contact is left in: when the next marketing e-mail may leave, and why not now.

Pure: everything is an argument, and every instant is shop time. Quiet hours, blackout dates, rest
and open cases hold every marketing e-mail; the frequency cap and the priority of flows all but
those that may pass the cap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from sekvens.send_time.quiet_hours import QuietHours, next_day, when_quiet_ends

#: Nobody knows when a complaint will be answered: so often somebody looks whether it has been.
CASE_LOOK_INTERVAL = timedelta(hours=6)
#: Who lets another flow go first looks again so long after that e-mail should have left …
YIELD_INTERVAL = timedelta(hours=1)
#: … and gives up on it when it is later than this: an estimate may be wrong.
YIELD_MAX = timedelta(days=1)
#: Who asked for fewer e-mails of a shop that sets no weekly maximum gets so many in seven dates.
FEWER_PER_WEEK = 2
#: A calendar on which every day is blacked out is followed no further than this.
DAYS_MAX = 400


class HoldReason(StrEnum):
    """Why a marketing e-mail may not leave yet. In journals and logs: members are never renamed."""

    QUIET_HOURS = "quiet_hours"  #: it is night where the contact lives
    BLACKOUT = "blackout"  #: the shop sends no marketing on this date
    FREQUENCY_CAP = "frequency_cap"  #: the contact has had as many as the settings allow
    PRIORITY = "priority"  #: a more important flow is about to use up the cap
    RESTING = "resting"  #: the contact is left in peace until a date
    OPEN_COMPLAINT = "open_complaint"  #: the contact waits for an answer to a complaint
    OPEN_RETURN = "open_return"  #: a return is under way
    OPEN_DELAY = "open_delay"  #: an order of theirs is late
    OPEN_REPLY = "open_reply"  #: the contact has written, and nobody has answered yet


@dataclass(frozen=True, kw_only=True)
class Hold:
    """It may not leave before `until`; `reason` is what costs the most time."""

    reason: HoldReason
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the shop has set for everybody; a maximum of 0 is none."""

    quiet: QuietHours
    per_day: int
    per_week: int
    blackout_dates: frozenset[str] = frozenset()  #: `12-24` each year, `2026-11-27` once

    def halved(self) -> "Rules":
        """Tell the rules for a contact who asked for fewer e-mails: half as many, and at least one.

        Where the shop has set no maximum for a week, there is one for them.
        """
        per_week = max(1, self.per_week // 2) if self.per_week else FEWER_PER_WEEK
        per_day = self.per_day and max(1, self.per_day // 2)
        return replace(self, per_day=per_day, per_week=per_week)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known of one contact, and of the e-mail that wants to leave."""

    zone: str  #: IANA name
    #: marketing of the last eight days, in doubt included, and what other systems sent
    sent: tuple[datetime, ...] = ()
    ahead: tuple[datetime, ...] = ()  #: when flows of a higher priority mean to send next
    rests_until: datetime | None = None
    open_cases: frozenset[HoldReason] = frozenset()
    past_cap: bool = False
    fewer: bool = False  #: the contact has asked for fewer e-mails
    latest: datetime | None = None  #: later than this it is of no use


def hold(rules: Rules, situation: Situation, *, now: datetime) -> Hold | None:
    """Tell until when a marketing e-mail is held, and why; None: it may leave now.

    A day is a date of the contact's own calendar, and a week is that date with the six before it.
    So an e-mail at nine every morning is never pushed back because yesterday's was some minutes
    late, as it would be in 24 hours that roll; and two dates have the quiet hours between them.
    """
    rules = rules.halved() if situation.fewer else rules
    at, longest, reason = now, timedelta(0), None
    had = None if situation.past_cap else _sent_on(situation)
    for pushed, why in _pushes(rules, situation, had, now):
        if pushed - at > longest:
            longest, reason = pushed - at, why
        at = pushed
    if reason is not None:
        return Hold(reason=reason, until=at)
    return None if had is None else _yield(rules, situation, had, now)


def _sent_on(situation: Situation) -> list[int]:
    """List the dates of the contact's calendar on which e-mails left, as their ordinals."""
    return [_day_of(sent, situation.zone) for sent in situation.sent]


@lru_cache(maxsize=16_384)  # most e-mails leave at one of few times of day
def _day_of(at: datetime, zone: str) -> int:
    """Tell the date of an instant on the calendar of a zone, as its ordinal."""
    return at.astimezone(ZoneInfo(zone)).toordinal()


def _pushes(
    rules: Rules, situation: Situation, had: Sequence[int] | None, now: datetime
) -> Iterator[tuple[datetime, HoldReason]]:
    """Push an instant on for as long as something holds the e-mail there, and tell each push."""
    at = now
    if situation.open_cases:
        at = now + CASE_LOOK_INTERVAL
        yield at, min(situation.open_cases, key=[*HoldReason].index)
    if situation.rests_until is not None and situation.rests_until > at:
        at = situation.rests_until
        yield at, HoldReason.RESTING
    for _ in range(DAYS_MAX):
        pushed = _next_push(rules, situation.zone, had, at)
        if pushed is None:
            return
        at, reason = pushed
        yield at, reason


def _next_push(
    rules: Rules, zone: str, had: Sequence[int] | None, at: datetime
) -> tuple[datetime, HoldReason] | None:
    """Tell until when an instant is pushed, and why; `had` is None for what may pass the cap."""
    today = _day_of(at, zone)
    if rules.blackout_dates and _is_blacked_out(today, rules.blackout_dates):
        return next_day(at, zone), HoldReason.BLACKOUT
    left = None if had is None else _left(rules, had, today)
    if left is not None and left <= 0:
        return next_day(at, zone), HoldReason.FREQUENCY_CAP
    ends = when_quiet_ends(at, rules.quiet, zone)
    return None if ends is None else (ends, HoldReason.QUIET_HOURS)


@lru_cache(maxsize=1024)  # stories ask of the same days again and again
def _is_blacked_out(ordinal: int, dates: frozenset[str]) -> bool:
    """Tell whether a date is among those that are written with their year, or without."""
    day = date.fromordinal(ordinal)
    return day.isoformat() in dates or f"{day:%m-%d}" in dates


def _left(rules: Rules, had: Sequence[int], today: int) -> int | None:
    """Count how many more e-mails the contact may get on a date; None: no cap."""
    left = []
    if rules.per_day:
        left.append(rules.per_day - had.count(today))
    if rules.per_week:
        left.append(rules.per_week - len([each for each in had if today - 7 < each <= today]))
    return min(left, default=None)


def _yield(rules: Rules, situation: Situation, had: Sequence[int], now: datetime) -> Hold | None:
    """Let flows of a higher priority go first, where there would be no room for both today.

    Nobody starves: not behind an e-mail that is a day late, and not past its own lateness limit.
    """
    if not situation.ahead:
        return None
    zone = situation.zone
    today = _day_of(now, zone)
    left = _left(rules, had, today)
    leaving = [
        _when_calm(rules, zone, max(at, now)) for at in situation.ahead if at > now - YIELD_MAX
    ]
    today_too = [at for at in leaving if _day_of(at, zone) == today]
    if left is None or len(today_too) < left or not today_too:
        return None
    until = _when_calm(rules, zone, min(today_too) + YIELD_INTERVAL)
    if situation.latest is not None and until > situation.latest:
        return None
    return Hold(reason=HoldReason.PRIORITY, until=until)


def _when_calm(rules: Rules, zone: str, at: datetime) -> datetime:
    """Tell when an e-mail that is due at `at` may leave, whatever the contact has had by then."""
    for _ in range(DAYS_MAX):
        pushed = _next_push(rules, zone, None, at)
        if pushed is None:
            break
        at = pushed[0]
    return at
