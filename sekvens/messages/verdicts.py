"""Verdicts: what becomes of a message that wants to leave, by what is known of its contact.

Pure, and the one place where the order of the checks stands: what ended the enrollment, what the
law says, what the shop wants, what time allows. The gate asks committed facts, the simulator asks
its own; both are told the same by the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from sekvens.contacts.tables import SuppressionReason
from sekvens.enrollments.wire import SendInput
from sekvens.flows.conditions import Condition
from sekvens.flows.graph import Graph
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages import calm
from sekvens.messages.basis import Objection
from sekvens.messages.calm import HoldReason, Rules, Situation

#: Timers, queues and a busy worker take their time (wall time) without making a message late.
NEVER_LATE = timedelta(minutes=1)

#: A name, for each message asks for it four times and a member of an enum takes long to find.
_ORDER_MAIL: Final = Purpose.TRANSACTIONAL

#: What a message is skipped as when it would have to wait until it is of no use.
EXPIRED = MappingProxyType(
    {
        HoldReason.QUIET_HOURS: SkipReason.QUIET_HOURS_EXPIRED,
        HoldReason.BLACKOUT: SkipReason.QUIET_HOURS_EXPIRED,
        HoldReason.FREQUENCY_CAP: SkipReason.FREQUENCY_CAP,
    }
)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """The message may leave, to this recipient."""

    recipient: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The message will never leave; `exit` also ends the enrollment."""

    reason: SkipReason
    exit: ExitReason | None = None


@dataclass(frozen=True, kw_only=True)
class Later:
    """The message may not leave yet; `until` is shop time."""

    reason: str
    until: datetime

    @property
    def why(self) -> str:
        """Say it in the ledger's words."""
        return why_held(self.reason)


def why_held(reason: str) -> str:
    """Say in the ledger's words what holds a message at the gate."""
    return f"held at the gate: {reason}"


Verdict: TypeAlias = Allowed | Refused | Later


class Known(Protocol):
    """What is known of a contact, and of the enrollment whose message wants to leave."""

    def exit_reason(self) -> ExitReason | None:
        """Tell why the enrollment is over; None: it goes on."""
        ...

    def objection(self) -> Objection | None:
        """Tell what forbids marketing; None: it rests on something."""
        ...

    def is_reachable(self) -> bool:
        """Tell whether there is an address that SES would accept."""
        ...

    def suppression(self) -> SuppressionReason | None:
        """Tell why the address must not be mailed, if so."""
        ...

    def is_allowed(self) -> bool:
        """Tell whether this set-up may mail the address at all."""
        ...

    def is_held_out(self) -> bool:
        """Tell whether the lot keeps all marketing from the contact."""
        ...

    def holds(self, conditions: tuple[Condition, ...]) -> bool:
        """Tell whether all of these conditions hold now."""
        ...

    def situation(self, latest: datetime | None) -> Situation:
        """Tell the situation that the calm goes by."""
        ...


def refusal(known: Known, order: SendInput, graph: Graph) -> Refused | None:
    """Tell why a message will never leave; None: nothing forbids it."""
    return (
        _exited(known)
        or _forbidden(known, order, graph)
        or _unreachable(known, order, graph)
        or (None if known.is_allowed() else Refused(reason=SkipReason.NOT_ALLOWED))
        or _held_out(known, order)
        or _filtered(known, graph)
        or _outgrown(known, graph)
        or (Refused(reason=SkipReason.STALE) if is_late(order) else None)
    )


def disturbance(known: Known, order: SendInput, rules: Rules) -> Refused | Later | None:
    """Hold marketing that would disturb; refuse it if it would be of no use afterwards."""
    if order.purpose == _ORDER_MAIL:
        return None
    latest = latest_of(order)
    hold = calm.hold(rules, known.situation(latest), now=order.now)
    if hold is None:
        return None
    if latest is not None and hold.until > latest:
        return Refused(reason=EXPIRED.get(hold.reason, SkipReason.STALE))
    return Later(reason=hold.reason, until=hold.until)


def is_late(order: SendInput) -> bool:
    """Tell whether a message would leave later than its step allows."""
    latest = latest_of(order)
    return latest is not None and order.now > latest


def latest_of(order: SendInput) -> datetime | None:
    """Tell until when (shop time) the message is of use; None: for ever.

    A minute on the wall clock is never late: in a demo's quick days it is a month.
    """
    if order.lateness_seconds_max is None:
        return None
    return order.due_at + _allowed(order.lateness_seconds_max, order.shop_speed)


@cache
def _allowed(seconds: float, shop_speed: float) -> timedelta:
    return timedelta(seconds=seconds) + NEVER_LATE * shop_speed


def _exited(known: Known) -> Refused | None:
    """Refuse when a fact ends the enrollment, whether it has been signalled or not."""
    reason = known.exit_reason()
    return None if reason is None else Refused(reason=SkipReason.EXITED, exit=reason)


def _forbidden(known: Known, order: SendInput, graph: Graph) -> Refused | None:
    """Refuse marketing that the contact has not agreed to, or has said no to."""
    if order.purpose == _ORDER_MAIL:
        return None
    found = known.objection()
    if found is None:
        return None
    # In a flow that also sends order mail, that goes on.
    ends = found.is_about_all and graph.is_marketing_only()
    return Refused(reason=SkipReason.NO_CONSENT, exit=ExitReason.UNSUBSCRIBED if ends else None)


def _unreachable(known: Known, order: SendInput, graph: Graph) -> Refused | None:
    """Refuse when there is no address to send to, or it must not be mailed."""
    if not known.is_reachable():
        return Refused(reason=SkipReason.NO_ADDRESS)
    reason = known.suppression()
    if reason is None:
        return None
    if reason == SuppressionReason.INACTIVE and order.purpose == _ORDER_MAIL:
        return None
    exit_reason = ExitReason.SUPPRESSED if graph.is_marketing_only() else None
    return Refused(reason=SkipReason.SUPPRESSED, exit=exit_reason)


def _held_out(known: Known, order: SendInput) -> Refused | None:
    """Refuse marketing to whoever gets none, so that what it is worth can be known."""
    if order.purpose == _ORDER_MAIL or not known.is_held_out():
        return None
    return Refused(reason=SkipReason.HOLDOUT)


def _filtered(known: Known, graph: Graph) -> Refused | None:
    """Refuse when the conditions for entering no longer hold: they are asked every time."""
    asked = graph.asked_before_a_send()
    return None if known.holds(asked) else Refused(reason=SkipReason.FILTER)


def _outgrown(known: Known, graph: Graph) -> Refused | None:
    """Refuse, and end the enrollment, when what the flow stays for is no longer so."""
    if known.holds(graph.flow.stay_while):
        return None
    return Refused(reason=SkipReason.FILTER, exit=ExitReason.NO_LONGER_MATCHES)
