"""Invariants of a story: what must never happen to anybody, looked for in what was lived.

They go by what a contact did and what was sent alone, and know nothing of how it was decided: a
rule that is wrong in the gate is not wrong here as well.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from sekvens.contacts.cases import COUNTS_FOR
from sekvens.flows.outcomes import SkipReason
from sekvens.segments.memory import PastEvent
from sekvens.simulator.moments import HELD, SENT, SKIPPED, Lived, Moment, Stay, What
from sekvens.simulator.stage import Stage


class Invariant(StrEnum):
    """What must never happen."""

    AFTER_AN_EXIT = "an e-mail follows what ends its flow, such as an order"
    OVER_THE_CAP = "there is more marketing than the frequency cap allows"
    AT_NIGHT = "marketing comes in quiet hours"
    ON_A_BLACKOUT_DATE = "marketing comes on a blackout date"
    WITHOUT_CONSENT = "marketing comes to somebody who has not agreed to it"
    SUPPRESSED = "an e-mail goes to an address that bounced or complained"
    WITH_AN_OPEN_COMPLAINT = "marketing comes while a complaint is open"
    TWICE = "a step sends twice"
    WITHOUT_A_REASON = "an e-mail is skipped for no reason that we know"
    DROPPED = "an e-mail was held back and never came to an end"


@dataclass(frozen=True, kw_only=True)
class Breach:
    """An invariant that did not hold."""

    invariant: Invariant
    at: datetime  #: shop time
    email: str  #: `flow/step`


def breaches(lived: Lived, stage: Stage) -> list[Breach]:
    """List what went wrong in one contact's story; nothing is good."""
    return [
        Breach(invariant=invariant, at=moment.at, email=f"{moment.flow}/{moment.step}")
        for invariant, look in _LOOKS.items()
        for moment in look(lived, stage)
    ]


def _after_an_exit(lived: Lived, stage: Stage) -> Iterator[Moment]:
    ended: dict[int, datetime | None] = {}
    for email in lived.sent():
        number = email.enrollment
        if number not in ended:
            ended[number] = _ended_by(lived.stays[number], lived, stage)
        ends = ended[number]
        if ends is not None and ends <= email.at:
            yield email


def _ended_by(stay: Stay, lived: Lived, stage: Stage) -> datetime | None:
    """Tell when the contact first did what ends an enrollment, after what started it."""
    graph = stage.graph_of(stay.flow)
    if graph is None:
        return None
    rules = graph.exit_rules()
    names = {rule.pattern.name for rule in rules}
    is_behind = stay.trigger is None
    for event in lived.events:
        if event is stay.trigger:
            is_behind = True
            continue
        if not is_behind or event.name not in names:
            continue
        if stay.trigger is None and event.occurred_at <= stay.started_at:
            continue
        if any(
            rule.pattern.matches(event.name, event.properties, entry_key=stay.entry_key)
            for rule in rules
        ):
            return event.occurred_at
    return None


def _over_the_cap(lived: Lived, stage: Stage) -> Iterator[Moment]:
    rules = stage.rules
    marketing = lived.marketing()
    said = [
        event
        for event in lived.events
        if event.name == "Email Preferences Changed" and "fewer" in event.properties
    ]
    dates: dict[str, list[int]] = {}  # of all of them, by the clock of each zone
    for number, email in enumerate(marketing):
        if email.past_cap:
            continue
        own = rules.halved() if said and _wants_fewer(said, email.at) else rules
        if email.zone not in dates:
            dates[email.zone] = [_date(each, email.zone).toordinal() for each in marketing]
        sent_on = dates[email.zone]
        had = [sent_on[number] - each for each in sent_on[:number]]
        too_many_today = own.per_day and had.count(0) >= own.per_day
        too_many = own.per_week and len([age for age in had if 0 <= age < 7]) >= own.per_week
        if too_many_today or too_many:
            yield email


def _wants_fewer(said: Sequence[PastEvent], at: datetime) -> bool:
    wanted = [event.properties["fewer"] for event in said if event.occurred_at <= at]
    return bool(wanted and wanted[-1])


def _at_night(lived: Lived, stage: Stage) -> Iterator[Moment]:
    begins, ends = stage.rules.quiet.begins, stage.rules.quiet.ends
    for email in lived.marketing():
        clock = _clock(email.at, email.zone).time()
        is_night = begins <= clock < ends if begins < ends else clock >= begins or clock < ends
        if is_night and begins != ends:
            yield email


def _on_a_blackout_date(lived: Lived, stage: Stage) -> Iterator[Moment]:
    for email in lived.marketing() if stage.rules.blackout_dates else ():
        day = _date(email, email.zone)
        if {day.isoformat(), f"{day:%m-%d}"} & stage.rules.blackout_dates:
            yield email


def _without_consent(lived: Lived, stage: Stage) -> Iterator[Moment]:
    """Look for marketing whose contact's last word was not yes, or who said none and bought none.

    A purchase counts for whoever has said nothing, where the shop goes by earlier sales.
    """
    said = [event for event in lived.events if event.name in ("Email Subscribed", "Unsubscribed")]
    times = [event.occurred_at for event in said]
    for email in lived.marketing():
        last = bisect_left(times, email.at + timedelta.resolution) - 1
        if last < 0:
            is_agreed = stage.consent.soft_opt_in and _has_bought(lived, email.at, stage)
        else:
            is_agreed = said[last].name == "Email Subscribed"
        if not is_agreed:
            yield email


def _has_bought(lived: Lived, at: datetime, stage: Stage) -> bool:
    since = at - timedelta(days=stage.consent.soft_opt_in_days)
    undone = {
        event.properties.get("order_id")
        for event in lived.events
        if event.name in ("Order Refunded", "Order Cancelled") and event.occurred_at <= at
    }
    return any(
        event.name == "Order Completed"
        and since < event.occurred_at <= at
        and event.properties.get("order_id") not in undone
        for event in lived.events
    )


def _suppressed(lived: Lived, _stage: Stage) -> Iterator[Moment]:
    since = [
        event.occurred_at
        for event in lived.events
        if event.name == "Contact Suppressed" and event.properties.get("reason") != "inactive"
    ]
    return (email for email in lived.sent() if since and min(since) <= email.at)


def _with_an_open_complaint(lived: Lived, _stage: Stage) -> Iterator[Moment]:
    names = ("Complaint Opened", "Complaint Resolved")
    said = [event for event in lived.events if event.name in names]
    for email in lived.marketing() if said else ():
        last = [event for event in said if event.occurred_at <= email.at][-1:]
        if last and last[0].name == names[0] and last[0].occurred_at > email.at - COUNTS_FOR:
            yield email


def _twice(lived: Lived, _stage: Stage) -> Iterator[Moment]:
    seen = set()
    for moment in lived.moments:
        if moment.what is SENT or moment.what is SKIPPED:
            if (moment.enrollment, moment.step) in seen:
                yield moment
            seen.add((moment.enrollment, moment.step))


def _without_a_reason(lived: Lived, _stage: Stage) -> Iterator[Moment]:
    for moment in lived.moments:
        if moment.what is SKIPPED and moment.text not in _REASONS:
            yield moment


def _dropped(lived: Lived, _stage: Stage) -> Iterator[Moment]:
    """Look for what was held and left behind: its enrollment went on, or to its end, without it."""
    held: dict[int, Moment] = {}
    for moment in lived.moments:
        if moment.what is HELD:
            held[moment.enrollment] = moment
        elif not held:
            continue
        elif moment.what is SENT or moment.what is SKIPPED:
            waiting = held.pop(moment.enrollment, None)
            if waiting is not None and waiting.step != moment.step:
                yield waiting
        elif moment.what is What.LEFT and moment.text == "completed" and moment.enrollment in held:
            yield held.pop(moment.enrollment)


def _date(email: Moment, zone: str) -> date:
    return _clock(email.at, zone).date()


@lru_cache(maxsize=4096)  # most leave at one of few times of day
def _clock(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))


_REASONS: Final = frozenset(SkipReason)
_LOOKS: Final[dict[Invariant, Callable[[Lived, Stage], Iterator[Moment]]]] = {
    Invariant.AFTER_AN_EXIT: _after_an_exit,
    Invariant.OVER_THE_CAP: _over_the_cap,
    Invariant.AT_NIGHT: _at_night,
    Invariant.ON_A_BLACKOUT_DATE: _on_a_blackout_date,
    Invariant.WITHOUT_CONSENT: _without_consent,
    Invariant.SUPPRESSED: _suppressed,
    Invariant.WITH_AN_OPEN_COMPLAINT: _with_an_open_complaint,
    Invariant.TWICE: _twice,
    Invariant.WITHOUT_A_REASON: _without_a_reason,
    Invariant.DROPPED: _dropped,
}
