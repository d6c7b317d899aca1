"""Conditions evaluated against the database, for real contacts.

The same answers as `sekvens.segments.memory`, boundaries included. A tree becomes one statement.
Properties and traits are JSON, whose values the two databases turn into text each in its own way:
they are fetched and compared here, by the same code as everywhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, select, true
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.events.tables import ContactEvent
from sekvens.flows.conditions import AllOf, AnyOf, Condition, Happened, Not, Subscribed, TraitIs
from sekvens.flows.steps import Purpose
from sekvens.segments.memory import has_trait


def holds(
    session: Session,
    condition: Condition,
    *,
    contact_id: str,
    now: datetime,
    contact_ids: Sequence[str] = (),
) -> bool:
    """Tell whether a condition holds for a contact at `now` (shop time).

    `contact_id` is the canonical contact; `contact_ids` are all that the person is known as, where
    the caller knows them already.
    """
    ids = tuple(contact_ids) or known_as(session, [contact_id])[contact_id]
    clause = _Translation(session, contact_id, ids, now).clause(condition)
    return bool(session.scalar(select(clause)))


@dataclass(frozen=True)
class _Translation:
    """Turns a condition into an SQL expression about one contact at one time."""

    session: Session
    contact_id: str
    contact_ids: tuple[str, ...]
    now: datetime

    def clause(self, condition: Condition) -> ColumnElement[bool]:
        match condition:
            case Subscribed():
                return self._subscribed()
            case Happened():
                return self._happened(condition)
            case TraitIs():
                return self._trait(condition)
            case Not():
                return not_(self.clause(condition.condition))
            case AllOf():
                return and_(true(), *(self.clause(inner) for inner in condition.conditions))
            case AnyOf():
                return or_(false(), *(self.clause(inner) for inner in condition.conditions))
            case _:
                assert_never(condition)

    def _subscribed(self) -> ColumnElement[bool]:
        return exists().where(
            Consent.contact_id == self.contact_id,
            Consent.purpose == Purpose.MARKETING,
            Consent.status == ConsentStatus.SUBSCRIBED,
        )

    def _happened(self, condition: Happened) -> ColumnElement[bool]:
        candidates = [
            ContactEvent.contact_id.in_(self.contact_ids),
            ContactEvent.name == condition.pattern.name,
            ContactEvent.occurred_at <= self.now,
        ]
        if condition.within is not None:
            candidates.append(ContactEvent.occurred_at >= self.now - condition.within)
        if not condition.pattern.where:
            return exists().where(*candidates)
        query = select(ContactEvent.properties).where(*candidates)
        matches = condition.pattern.matches
        found = any(matches(condition.pattern.name, had) for had in self.session.scalars(query))
        return true() if found else false()

    def _trait(self, condition: TraitIs) -> ColumnElement[bool]:
        query = select(Contact.traits).where(Contact.id == self.contact_id)
        traits = self.session.scalar(query) or {}
        return true() if has_trait(traits, condition) else false()
