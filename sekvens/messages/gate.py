"""The gate: may this message leave now? Asked immediately before SES is called, under the lock.

It reads committed facts and nothing else. In which order the checks stand, and what each answer
means, is `sekvens.messages.verdicts`' business; what holds many contacts at once is asked here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact, Suppression, SuppressionReason, address_hash
from sekvens.enrollments.exits import exit_of
from sekvens.enrollments.publish import PublishedFlow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.experiments.drawing import is_held_out_of_everything
from sekvens.flows.conditions import AllOf, Condition
from sekvens.flows.steps import ExitReason
from sekvens.messages.addresses import usable
from sekvens.messages.basis import Objection, objection
from sekvens.messages.calm import Situation
from sekvens.messages.holds import Held, held_by_quota, held_by_switch, held_by_warm_up
from sekvens.messages.modes import by_mode
from sekvens.messages.situation import rules_of, situation_of
from sekvens.messages.verdicts import Allowed, Later, Verdict, disturbance, refusal
from sekvens.sections import SendingSettings
from sekvens.segments import sql
from sekvens.shop import Shop


class Gate:
    """Decides on one message at a time. Stateless: the same facts, the same verdict."""

    def __init__(
        self,
        sending: SendingSettings,
        shop: Shop,
        consent: ConsentSettings | None = None,
        *,
        has_holdout: bool = False,
    ) -> None:
        self._sending = sending
        self._settings = _Settings(sending, shop, consent or ConsentSettings(), has_holdout)
        self._rules = rules_of(sending)

    def decide(
        self, session: Session, order: SendInput, published: PublishedFlow, *, now: datetime
    ) -> Verdict:
        """Decide whether the message may leave; `now` is wall time."""
        known = _Committed(self._settings, session, order, published, now)
        refused = refusal(known, order, published.graph)
        if refused is not None:
            return refused
        assert known.recipient is not None  # noqa: S101  or it would be unreachable
        return (
            by_mode(session, order, published.graph)
            or _later(order, held_by_switch(session, order, now=now))
            or disturbance(known, order, self._rules)
            or _later(order, held_by_warm_up(session, order, self._sending, now=now))
            or _later(order, held_by_quota(session, order, self._sending, now=now))
            or Allowed(recipient=known.recipient)
        )


class _Settings(NamedTuple):
    """What the shop has set."""

    sending: SendingSettings
    shop: Shop
    consent: ConsentSettings
    has_holdout: bool  #: whether there are contacts who get no marketing at all


class _Committed:
    """What the database knows of a contact and an enrollment: `verdicts.Known`."""

    def __init__(
        self,
        settings: _Settings,
        session: Session,
        order: SendInput,
        published: PublishedFlow,
        now: datetime,
    ) -> None:
        contact_id = canonical_id(session, order.contact_id)
        self._settings, self._session, self._order, self._now = settings, session, order, now
        self._published = published
        self._contact_ids: Sequence[str] = known_as(session, [contact_id])[contact_id]
        self._contact = session.get_one(Contact, contact_id)
        self._enrollment = session.get_one(Enrollment, order.enrollment_id)
        self.recipient = usable(self._contact.email) if self._contact.email else None

    def exit_reason(self) -> ExitReason | None:
        graph = self._published.graph
        return exit_of(self._session, self._enrollment, graph, self._contact_ids)

    def objection(self) -> Objection | None:
        consent = self._settings.consent
        return objection(self._session, self._order, self._contact_ids, consent=consent)

    def is_reachable(self) -> bool:
        return self.recipient is not None

    def suppression(self) -> SuppressionReason | None:
        row = self._session.get(Suppression, address_hash(self.recipient or ""))
        return None if row is None else SuppressionReason(row.reason)

    def is_allowed(self) -> bool:
        """Outside production only addresses on the allow-list are mailed."""
        sending = self._settings.sending
        return sending.production or is_allowed(self.recipient or "", sending)

    def is_held_out(self) -> bool:
        asked = self._settings.has_holdout
        return asked and is_held_out_of_everything(self._session, self._contact_ids)

    def holds(self, conditions: tuple[Condition, ...]) -> bool:
        return sql.holds(
            self._session,
            AllOf(conditions=conditions),
            contact_id=self._contact_ids[0],
            now=self._order.now,
            contact_ids=self._contact_ids,
            entry_key=self._enrollment.entry_key,
        )

    def situation(self, latest: datetime | None) -> Situation:
        return situation_of(
            self._session,
            self._order,
            self._contact,
            self._contact_ids,
            shop=self._settings.shop,
            priority=self._settings.sending.priority,
            latest=latest,
            now=self._now,
        )


def after(order: SendInput, wait: timedelta) -> datetime:
    """Turn a stretch of wall time into the instant of shop time at which it will have passed."""
    return order.now + wait * order.shop_speed


def _later(order: SendInput, held: Held | None) -> Later | None:
    return None if held is None else Later(reason=held.by, until=after(order, held.wait))


def is_allowed(address: str, sending: SendingSettings) -> bool:
    """Tell whether an address, or its domain (`@shop.se`), is on the allow-list."""
    address = address.casefold()
    domain = "@" + address.rpartition("@")[2]
    return any(entry.casefold() in (address, domain) for entry in sending.allow_list)
