"""The gate: may this message leave now? Asked immediately before SES is called, under the lock.

It reads committed facts and nothing else. The checks stand in the order in which their answers
matter: what ended the enrollment, what the law says, what the shop wants, what time allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact, Suppression, SuppressionReason, address_hash
from sekvens.enrollments.exits import exit_of
from sekvens.enrollments.publish import PublishedFlow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.flows.conditions import AllOf, Condition, Subscribed
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages import calm
from sekvens.messages.addresses import usable
from sekvens.messages.basis import objection
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import Held, held_by_quota, held_by_switch, held_by_warm_up
from sekvens.messages.situation import rules_of, situation_of
from sekvens.sections import SendingSettings
from sekvens.segments import sql
from sekvens.shop import Shop

#: Timers, queues and a busy worker take their time (wall time) without making a message late.
NEVER_LATE = timedelta(minutes=1)

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
        return f"held at the gate: {self.reason}"


Verdict: TypeAlias = Allowed | Refused | Later


class Gate:
    """Decides on one message at a time. Stateless: the same facts, the same verdict."""

    def __init__(
        self, sending: SendingSettings, shop: Shop, consent: ConsentSettings | None = None
    ) -> None:
        self._sending = sending
        self._shop = shop
        self._consent = consent or ConsentSettings()
        self._rules = rules_of(sending)

    def decide(
        self, session: Session, order: SendInput, published: PublishedFlow, *, now: datetime
    ) -> Verdict:
        """Decide whether the message may leave; `now` is wall time."""
        contact_id = canonical_id(session, order.contact_id)
        contact_ids = known_as(session, [contact_id])[contact_id]
        contact = session.get_one(Contact, contact_id)
        enrollment = session.get_one(Enrollment, order.enrollment_id)
        recipient = usable(contact.email) if contact.email else None
        refused = (
            _exited(session, enrollment, published, contact_ids)
            or self._forbidden(session, order, published, contact_ids)
            or _unreachable(session, order, published, recipient)
            or self._not_allowed(recipient)
            or _filtered(session, order, enrollment, published, contact_ids)
            or _outgrown(session, order, enrollment, published, contact_ids)
            or _stale(order)
        )
        if refused is not None:
            return refused
        assert recipient is not None  # noqa: S101  or it would be unreachable
        return (
            _later(order, held_by_switch(session, order, now=now))
            or self._disturbs(session, order, contact, contact_ids, now=now)
            or _later(order, held_by_warm_up(session, order, self._sending, now=now))
            or _later(order, held_by_quota(session, order, self._sending, now=now))
            or Allowed(recipient=recipient)
        )

    def _forbidden(
        self,
        session: Session,
        order: SendInput,
        published: PublishedFlow,
        contact_ids: Sequence[str],
    ) -> Refused | None:
        """Refuse marketing that the contact has not agreed to, or has said no to."""
        if order.purpose == Purpose.TRANSACTIONAL:
            return None
        found = objection(session, order, contact_ids, consent=self._consent)
        if found is None:
            return None
        # In a flow that also sends order mail, that goes on.
        ends = found.is_about_all and published.graph.is_marketing_only()
        exit_reason = ExitReason.UNSUBSCRIBED if ends else None
        return Refused(reason=SkipReason.NO_CONSENT, exit=exit_reason)

    def _not_allowed(self, recipient: str | None) -> Refused | None:
        """Outside production only addresses on the allow-list are mailed."""
        if self._sending.production or recipient is None or is_allowed(recipient, self._sending):
            return None
        return Refused(reason=SkipReason.NOT_ALLOWED)

    def _disturbs(
        self,
        session: Session,
        order: SendInput,
        contact: Contact,
        contact_ids: Sequence[str],
        *,
        now: datetime,
    ) -> Refused | Later | None:
        """Hold marketing that would disturb; refuse it if it would be of no use afterwards."""
        if order.purpose == Purpose.TRANSACTIONAL:
            return None
        latest = _latest(order)
        situation = situation_of(
            session,
            order,
            contact,
            contact_ids,
            shop=self._shop,
            priority=self._sending.priority,
            latest=latest,
            now=now,
        )
        hold = calm.hold(self._rules, situation, now=order.now)
        if hold is None:
            return None
        if latest is not None and hold.until > latest:
            return Refused(reason=EXPIRED.get(hold.reason, SkipReason.STALE))
        return Later(reason=hold.reason, until=hold.until)


def after(order: SendInput, wait: timedelta) -> datetime:
    """Turn a stretch of wall time into the instant of shop time at which it will have passed."""
    return order.now + wait * order.shop_speed


def _later(order: SendInput, held: Held | None) -> Later | None:
    return None if held is None else Later(reason=held.by, until=after(order, held.wait))


def is_late(order: SendInput) -> bool:
    """Tell whether a message would leave later than its step allows."""
    latest = _latest(order)
    return latest is not None and order.now > latest


def is_allowed(address: str, sending: SendingSettings) -> bool:
    """Tell whether an address, or its domain (`@shop.se`), is on the allow-list."""
    address = address.casefold()
    domain = "@" + address.rpartition("@")[2]
    return any(entry.casefold() in (address, domain) for entry in sending.allow_list)


def _exited(
    session: Session, enrollment: Enrollment, published: PublishedFlow, contact_ids: Sequence[str]
) -> Refused | None:
    """Refuse when a committed fact ends the enrollment, whether it has been signalled or not."""
    reason = exit_of(session, enrollment, published.graph, contact_ids)
    return None if reason is None else Refused(reason=SkipReason.EXITED, exit=reason)


def _unreachable(
    session: Session, order: SendInput, published: PublishedFlow, recipient: str | None
) -> Refused | None:
    """Refuse when there is no address to send to, or it must not be mailed."""
    if recipient is None:
        return Refused(reason=SkipReason.NO_ADDRESS)
    suppression = session.get(Suppression, address_hash(recipient))
    if suppression is None:
        return None
    inactive = suppression.reason == SuppressionReason.INACTIVE
    if inactive and order.purpose == Purpose.TRANSACTIONAL:
        return None
    exit_reason = ExitReason.SUPPRESSED if published.graph.is_marketing_only() else None
    return Refused(reason=SkipReason.SUPPRESSED, exit=exit_reason)


def _filtered(
    session: Session,
    order: SendInput,
    enrollment: Enrollment,
    published: PublishedFlow,
    contact_ids: Sequence[str],
) -> Refused | None:
    """Refuse when the conditions for entering no longer hold: they are asked every time.

    All but the wish for marketing: what needs it has been asked for it already, and order and
    shipping mail goes on without it.
    """
    asked = tuple(each for each in published.flow.entry if not isinstance(each, Subscribed))
    if _hold(session, order, enrollment, asked, contact_ids):
        return None
    return Refused(reason=SkipReason.FILTER)


def _outgrown(
    session: Session,
    order: SendInput,
    enrollment: Enrollment,
    published: PublishedFlow,
    contact_ids: Sequence[str],
) -> Refused | None:
    """Refuse, and end the enrollment, when what the flow stays for is no longer so."""
    if _hold(session, order, enrollment, published.flow.stay_while, contact_ids):
        return None
    return Refused(reason=SkipReason.FILTER, exit=ExitReason.NO_LONGER_MATCHES)


def _hold(
    session: Session,
    order: SendInput,
    enrollment: Enrollment,
    conditions: tuple[Condition, ...],
    contact_ids: Sequence[str],
) -> bool:
    return sql.holds(
        session,
        AllOf(conditions=conditions),
        contact_id=contact_ids[0],
        now=order.now,
        contact_ids=contact_ids,
        entry_key=enrollment.entry_key,
    )


def _stale(order: SendInput) -> Refused | None:
    """Refuse what leaves later than its step allows."""
    return Refused(reason=SkipReason.STALE) if is_late(order) else None


def _latest(order: SendInput) -> datetime | None:
    """Tell until when (shop time) the message is of use; None: for ever.

    A minute on the wall clock is never late: in a demo's quick days it is a month.
    """
    if order.lateness_seconds_max is None:
        return None
    allowed = timedelta(seconds=order.lateness_seconds_max) + NEVER_LATE * order.shop_speed
    return order.due_at + allowed
