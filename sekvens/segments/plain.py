"""What the database answers by itself of one contact: one statement for each condition, built once.

The contact and the time are left open in it. A flow asks the same of one contact after the other,
and to build the statement took longer than to ask it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    exists,
    false,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Consent, ConsentStatus
from sekvens.db.base import UtcDateTime
from sekvens.events.tables import ContactEvent
from sekvens.flows.conditions import AllOf, AnyOf, Condition, Happened, InSegment, Not, Subscribed
from sekvens.flows.dealings import Dealing
from sekvens.flows.steps import Purpose
from sekvens.flows.survey import leaves
from sekvens.segments.audience import is_of_one_row
from sekvens.segments.dealings_sql import Dealings, is_said_by_sql, of_one_contact

#: Conditions whose statements are kept: more than a shop's segments and flow versions ask.
KEPT: Final = 1_000

_CONTACT: Final[BindParameter[str]] = bindparam("contact_id", type_=String())
_CONTACTS: Final[BindParameter[str]] = bindparam("contact_ids", expanding=True)


def is_plain(condition: Condition) -> bool:
    """Tell whether the database can answer by itself."""
    match condition:
        case Not():
            return is_plain(condition.condition)
        case AllOf() | AnyOf():
            return all(is_plain(inner) for inner in condition.conditions)
        case InSegment():
            return is_plain(condition.condition)
        case Happened():
            return condition.times == 1 and not condition.pattern.is_bound
        case _ if isinstance(condition, Dealing):
            return is_said_by_sql(condition)
        case _:
            return isinstance(condition, Subscribed)


def answer(
    session: Session,
    condition: Condition,
    *,
    contact_id: str,
    known_as: Callable[[], Sequence[str]],
    now: datetime,
) -> bool:
    """Tell whether a plain condition holds for a canonical contact at `now` (shop time).

    `known_as` lists all that the person is known as; it is called where that makes a difference.
    """
    statement = _statement(condition)
    given = {name: now - span for name, span in statement.spans.items()}
    contact_ids = [contact_id] if statement.is_of_one_row else known_as()
    told = {_CONTACT.key: contact_id, _CONTACTS.key: contact_ids}
    return bool(session.scalar(statement.query, given | told))


def happened(
    whose: ColumnElement[bool],
    names: Iterable[str],
    *,
    ago: Callable[[timedelta], Any],
    within: timedelta | None,
) -> list[ColumnElement[bool]]:
    """Say that an event is one of these, of whom it should be and not too old.

    `ago` tells the instant so long before now.
    """
    at = ContactEvent.occurred_at
    clauses = [whose, ContactEvent.name.in_(sorted(names)), at <= ago(timedelta(0))]
    return clauses if within is None else [*clauses, at >= ago(within)]


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """A question about whichever contact, at whichever time."""

    query: Select[bool]
    spans: Mapping[str, timedelta]  #: its parameter -> how long before now it lies
    is_of_one_row: bool  #: nothing of those whom a contact took in is left to be asked


@lru_cache(maxsize=KEPT)
def _statement(condition: Condition) -> _Statement:
    clauses = _Clauses()
    query = select(clauses.clause(condition))
    if any(isinstance(leaf, Dealing) for leaf in leaves(condition)):
        query = of_one_contact(query, _CONTACT)
    spans = {at.key: span for span, at in clauses.instants.items()}
    return _Statement(query=query, spans=spans, is_of_one_row=is_of_one_row(condition))


class _Clauses:
    """Says conditions about the contact that is left open, and notes which instants are asked."""

    def __init__(self) -> None:
        self.instants: dict[timedelta, BindParameter[datetime]] = {}

    def clause(self, condition: Condition) -> ColumnElement[bool]:
        match condition:
            case InSegment():
                return self.clause(condition.condition)
            case Not():
                return not_(self.clause(condition.condition))
            case AllOf():
                return and_(true(), *(self.clause(inner) for inner in condition.conditions))
            case AnyOf():
                return or_(false(), *self._any(condition.conditions))
            case Subscribed():
                return _subscribed()
            case Happened():
                return self._exists([condition.pattern.name], condition.within)
            case _ if isinstance(condition, Dealing):
                return Dealings(ago=self._ago, known_as=_CONTACTS).clause(condition)
            case _:
                raise AssertionError(condition)

    def _any(self, conditions: Iterable[Condition]) -> Iterator[ColumnElement[bool]]:
        """Ask for events of the same time at once: a sign of life is any of a dozen names."""
        names: dict[timedelta | None, list[str]] = defaultdict(list)
        for condition in conditions:
            if isinstance(condition, Happened):
                names[condition.within].append(condition.pattern.name)
            else:
                yield self.clause(condition)
        for within, some in names.items():
            yield self._exists(some, within)

    def _exists(self, names: Sequence[str], within: timedelta | None) -> ColumnElement[bool]:
        whose = ContactEvent.contact_id.in_(_CONTACTS)
        return exists().where(*happened(whose, names, ago=self._ago, within=within))

    def _ago(self, span: timedelta) -> BindParameter[datetime]:
        if span not in self.instants:
            name = f"ago_{len(self.instants)}"
            self.instants[span] = bindparam(name, type_=UtcDateTime())
        return self.instants[span]


def _subscribed() -> ColumnElement[bool]:
    return exists().where(
        Consent.contact_id == _CONTACT,
        Consent.purpose == Purpose.MARKETING,
        Consent.status == ConsentStatus.SUBSCRIBED,
    )
