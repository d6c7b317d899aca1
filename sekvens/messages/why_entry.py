"""Why a contact was never in a flow: what its trigger, its conditions or its mode said.

The order is that of the way in (`sekvens.enrollments.enroll`). Conditions are asked as of the
moment of the trigger, and of events that is exact; consent, traits and stock are known as they are
now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.person import Person
from sekvens.contacts.tables import Contact
from sekvens.enrollments.enroll import EntryRefusal, asked_at_entry, entry_key_of
from sekvens.enrollments.tables import FlowVersion
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.experiments.drawing import kept_variant
from sekvens.flows.conditions import Condition, EventPattern
from sekvens.flows.definition import Flow
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Mode
from sekvens.modes.setting import mode_now
from sekvens.segments import sql

#: Of a trigger that comes often, as a visit does, so many of the newest are looked at.
TRIGGERS_MAX: Final = 50


@dataclass(frozen=True, kw_only=True)
class Because:
    """Why: `key` names a sentence (`sekvens.messages.why_words`), the rest is what it speaks of."""

    key: str
    at: datetime | None = None  #: when that was
    until: datetime | None = None  #: when it is looked at next, or expected
    step: str | None = None  #: a step that has to do with it; of a missing entry key, the key
    reason: str = ""  #: an exit reason, a status, a variant: as the facts have it
    condition: Condition | None = None  #: what did not hold
    pattern: EventPattern | None = None  #: what the flow waits for


def why_not_in(
    session: Session, flow: Flow, person: Person, *, now: datetime, shop_time: ShopTime
) -> Because:
    """Tell why a person was never in a flow, as far as the facts say it at `now` (shop time)."""
    if any(_is_gone(contact) for contact in person.contacts):
        return Because(key="entry.gone")
    if mode_now(session, flow) is Mode.DRAFT:
        return Because(key="entry.draft")
    if not isinstance(flow.trigger, EventPattern):
        asked = asked_at_entry(flow, by_scan=True)
        found = failing(session, asked, person, now=now, entry_key=None)
        if found is not None:
            return Because(key="entry.not_found", condition=found)
        return _held_out(session, flow, person) or Because(key="entry.next_scan")
    event = _newest(session, flow.trigger, person)
    if event is None:
        return Because(key="entry.never_triggered", pattern=flow.trigger)
    return _refused(session, flow, person, event, shop_time)


def failing(
    session: Session,
    conditions: Iterable[Condition],
    person: Person,
    *,
    now: datetime,
    entry_key: str | None,
) -> Condition | None:
    """Find the first of some conditions that did not hold at `now` (shop time); None: all did."""
    for condition in conditions:
        holds = sql.holds(
            session, condition, contact_id=person.ids[0], contact_ids=person.ids, now=now,
            entry_key=entry_key,
        )  # fmt: skip
        if not holds:
            return condition
    return None


def _refused(
    session: Session, flow: Flow, person: Person, event: ContactEvent, shop_time: ShopTime
) -> Because:
    """Tell what kept a person out though what starts the flow had happened."""
    at, learned_at = event.occurred_at, shop_time.at(event.received_at)
    if session.get(OutboxEntry, event.id) is not None:
        return Because(key="entry.unrelayed", at=at)
    if event.received_at < _first_published(session, flow):
        return Because(key="entry.before", at=at)
    key = entry_key_of(flow, event.properties)
    if flow.entry_key is not None and not key:
        return Because(key=f"entry.{EntryRefusal.NO_ENTRY_KEY}", at=at, step=flow.entry_key)
    if learned_at - at > flow.trigger_age_max:
        return Because(key=f"entry.{EntryRefusal.TOO_OLD}", at=at)
    asked = asked_at_entry(flow, by_scan=False)
    found = failing(session, asked, person, now=max(at, learned_at), entry_key=key)
    if found is not None:
        return Because(key=f"entry.{EntryRefusal.CONDITIONS}", at=at, condition=found)
    return _held_out(session, flow, person) or Because(key="entry.then", at=at)


def _held_out(session: Session, flow: Flow, person: Person) -> Because | None:
    if not flow.holdout or kept_variant(session, flow.name, person.ids[0]) != HOLDOUT:
        return None
    return Because(key=f"entry.{EntryRefusal.HOLDOUT}")


def _newest(session: Session, trigger: EventPattern, person: Person) -> ContactEvent | None:
    query = select(ContactEvent).where(
        ContactEvent.contact_id.in_(person.ids), ContactEvent.name == trigger.name
    )
    rows = session.scalars(query.order_by(ContactEvent.occurred_at.desc()).limit(TRIGGERS_MAX))
    return next((row for row in rows if trigger.matches(row.name, row.properties)), None)


def _first_published(session: Session, flow: Flow) -> datetime:
    query = select(func.min(FlowVersion.published_at)).where(FlowVersion.flow == flow.name)
    return session.execute(query).scalar_one()


def _is_gone(contact: Contact) -> bool:
    return contact.erased_at is not None
