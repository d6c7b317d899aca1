"""Conditions on everybody at once: who of all contacts may fit, as one statement.

What is found is never too few: whatever SQL cannot say alike on both databases (properties, traits,
dates) counts as a maybe, however deep in the tree it stands, and whoever another contact was merged
into is a maybe as a whole. `sekvens.segments.sql` then decides on each contact.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    String,
    and_,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.orm import aliased

from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    Happened,
    HasTrait,
    InFlow,
    InSegment,
    Lapsed,
    NeedsAgain,
    Not,
    OrderExpected,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.flows.dealings import Dealing
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.next_best.tables import NextBest
from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.tables import Prediction
from sekvens.segments.dealings_sql import (
    Dealings,
    is_said_by_sql,
    stands_with_one,
    with_summary,
)
from sekvens.segments.memory import EMAIL_DELIVERED, ORDER

#: A date within more days than these is looked for by its trait's name alone.
DAYS_SPELT_MAX: Final = 31
#: No clock on earth is further from UTC.
_ZONE_MAX: Final = timedelta(hours=14)


def candidates(
    condition: Condition,
    *,
    now: datetime,
    gap: timedelta,
    after: str | None,
    limit: int | None = None,
    until: str | None = None,
) -> Select[str]:
    """Find contacts of whom a condition holds, and perhaps some of whom it does not.

    Args:
        condition: What is asked of them, without an entry key.
        now: Shop time.
        gap: After so long without an order a customer has lapsed (`figures.reorder_gap`).
        after: Contact ids behind this one; None: from the first on.
        limit: So many at the most.
        until: Contact ids up to this one.

    Returns:
        Ids of contacts that were not merged away, in order.
    """
    is_whole = after is None and until is None and limit is None
    fits = _Translation(now, gap, is_whole).clause(condition, maybe=True)
    # Asked once for all of them: a correlated question about a contact's aliases in each leaf made
    # SQLite read every contact for every contact, since nearly all share one value, null.
    if not is_of_one_row(condition):
        fits = or_(fits, Contact.id.in_(known_otherwise()))
    query = with_summary(everybody(after=after, until=until)).where(fits)
    return query if limit is None else query.limit(limit)


def known_otherwise() -> Select[str | None]:
    """List the contacts whom others were merged into."""
    merged = aliased(Contact)
    return select(merged.merged_into).where(merged.merged_into.is_not(None))


def everybody(*, after: str | None, until: str | None = None) -> Select[str]:
    """List contacts that were neither merged away nor erased, in the order of their ids."""
    stands = Contact.merged_into.is_(None) & Contact.erased_at.is_(None)
    query = select(Contact.id).where(stands).order_by(Contact.id)
    if after is not None:
        query = query.where(Contact.id > after)
    return query if until is None else query.where(Contact.id <= until)


def is_of_one_row(condition: Condition) -> bool:
    """Tell whether a contact whom others were merged into is asked about like everybody else."""
    match condition:
        case Not() | InSegment():
            return is_of_one_row(condition.condition)
        case AllOf() | AnyOf():
            return all(is_of_one_row(inner) for inner in condition.conditions)
        case Subscribed():
            return True
        case _:
            return isinstance(condition, Dealing) and stands_with_one(condition)


def is_decided(condition: Condition) -> bool:
    """Tell whether SQL says all of a condition about a contact whom nobody was merged into."""
    match condition:
        case Not() | InSegment():
            return is_decided(condition.condition)
        case AllOf() | AnyOf():
            return all(is_decided(inner) for inner in condition.conditions)
        case Happened():
            return _is_counted(condition)
        case _ if isinstance(condition, Dealing):
            return is_said_by_sql(condition)
        case _:
            return isinstance(condition, Subscribed | Lapsed | OrderExpected | Received | InFlow)


@dataclass(frozen=True)
class _Translation:
    """Turns a condition into an expression that is correlated to the contact of the query.

    `maybe` is what counts where SQL cannot tell: true where more contacts are to be found, and
    false under a `not`, where fewer of what is denied are.
    """

    now: datetime
    gap: timedelta
    is_whole: bool = False  #: everybody is asked about, not some behind an id

    def clause(self, condition: Condition, *, maybe: bool) -> ColumnElement[bool]:
        match condition:
            case Not():
                return not_(self.clause(condition.condition, maybe=not maybe))
            case InSegment():
                return self.clause(condition.condition, maybe=maybe)
            case AllOf():
                inner = (self.clause(one, maybe=maybe) for one in condition.conditions)
                return and_(true(), *inner)
            case AnyOf():
                return or_(false(), *self._any(condition.conditions, maybe=maybe))
            case _:
                return self._single(condition, maybe=maybe)

    def _single(self, condition: Condition, *, maybe: bool) -> ColumnElement[bool]:
        match condition:
            case Subscribed():
                return _subscribed()
            case Happened():
                return self._happened(condition, maybe=maybe)
            case Lapsed():
                return self._lapsed()
            case OrderExpected():
                return self._predicted(
                    Kind.NEXT_ORDER, Prediction.falls_on < self.now + condition.within
                )
            case Received():
                return self._received(condition)
            case InFlow():
                return _in_flow(condition.flow)
            case HasTrait() | TraitIs() | DateWithin():
                return self._told(condition) if maybe else false()
            case NeedsAgain():
                return self._needs_again(condition) if maybe else false()
            case _ if isinstance(condition, Dealing):
                is_sure = maybe or is_said_by_sql(condition)
                dealings = Dealings(ago=self._ago, is_whole=self.is_whole, is_denied=not maybe)
                return dealings.clause(condition) if is_sure else false()
            case _:  # they ask about an entry, and an audience has none
                return true() if maybe else false()

    def _any(
        self, conditions: Iterable[Condition], *, maybe: bool
    ) -> Iterator[ColumnElement[bool]]:
        """Ask for events of the same time at once: a sign of life is any of a dozen names."""
        names: dict[timedelta | None, list[str]] = defaultdict(list)
        for condition in conditions:
            if isinstance(condition, Happened) and _is_plain(condition):
                names[condition.within].append(condition.pattern.name)
            else:
                yield self.clause(condition, maybe=maybe)
        for within, some in names.items():
            yield self._exists(some, since=self._since(within))

    def _happened(self, condition: Happened, *, maybe: bool) -> ColumnElement[bool]:
        if not maybe and not _is_counted(condition):
            return false()
        name, since = condition.pattern.name, self._since(condition.within)
        if condition.times <= 1:
            return self._exists([name], since=since) if condition.times == 1 else true()
        return self._count(name, since) >= condition.times

    def _lapsed(self) -> ColumnElement[bool]:
        ordered = self._exists([ORDER], since=None)
        lately = self._exists([ORDER], since=self.now - self.gap)
        fallen = self._predicted(Kind.LAPSE, Prediction.falls_on < self.now)
        return and_(ordered, or_(fallen, and_(not_(self._predicted(Kind.LAPSE)), not_(lately))))

    def _needs_again(self, condition: NeedsAgain) -> ColumnElement[bool]:
        """Look for a row that is due; whether it still stands is asked of each."""
        due = (NextBest.due_on >= self.now - condition.overdue) & (
            NextBest.due_on <= self.now + condition.ahead
        )
        return exists().where(NextBest.contact_id == Contact.id, due).correlate(Contact)

    def _predicted(self, kind: Kind, *clauses: ColumnElement[bool]) -> ColumnElement[bool]:
        """Look for a day that a model foretells; an order since then makes it void."""
        since = (
            exists()
            .where(*self._events([ORDER], None), ContactEvent.occurred_at > Prediction.computed_at)
            .correlate(Contact, Prediction)
        )
        return (
            exists()
            .where(
                Prediction.contact_id == Contact.id,
                Prediction.kind == kind.value,
                Prediction.method == Method.MODEL.value,
                Prediction.falls_on.is_not(None),
                not_(since),
                *clauses,
            )
            .correlate(Contact)
        )

    def _received(self, condition: Received) -> ColumnElement[bool]:
        since = self._since(condition.within)
        ours = [
            Message.purpose == Purpose.MARKETING,
            Message.state == MessageState.ACCEPTED,
            Message.sent_on <= self.now,
        ]
        if since is not None:
            ours.append(Message.sent_on >= since)
        accepted = (
            select(func.count())
            .select_from(Message)
            .where(Message.contact_id == Contact.id, *ours)
            .correlate(Contact)
            .scalar_subquery()
        )
        return accepted + self._count(EMAIL_DELIVERED, since) >= condition.times

    def _told(self, condition: HasTrait | TraitIs | DateWithin) -> ColumnElement[bool]:
        """Look for a trait in the text of them all; its value is not read here."""
        traits = cast(Contact.traits, String)
        has = traits.contains(json.dumps(condition.trait)[1:-1], autoescape=True)
        days = self._days(condition.within) if isinstance(condition, DateWithin) else []
        spelt = [traits.contains(day, autoescape=True) for day in days]
        return and_(has, or_(*spelt)) if spelt else has

    def _days(self, within: timedelta) -> list[str]:
        first = (self.now - _ZONE_MAX).date()
        count = ((self.now + within + _ZONE_MAX).date() - first).days + 1
        if count > DAYS_SPELT_MAX:
            return []
        days = {_month_and_day(first + timedelta(days=number)) for number in range(count)}
        return sorted(days | ({"02-29"} if "02-28" in days else set()))

    def _ago(self, span: timedelta) -> datetime:
        return self.now - span

    def _since(self, within: timedelta | None) -> datetime | None:
        return self.now - within if within is not None else None

    def _exists(self, names: list[str], *, since: datetime | None) -> ColumnElement[bool]:
        return exists().where(*self._events(names, since)).correlate(Contact)

    def _count(self, name: str, since: datetime | None) -> ScalarSelect[int]:
        counted = select(func.count()).select_from(ContactEvent)
        return counted.where(*self._events([name], since)).correlate(Contact).scalar_subquery()

    def _events(self, names: list[str], since: datetime | None) -> list[ColumnElement[bool]]:
        clauses = [
            ContactEvent.contact_id == Contact.id,
            ContactEvent.name.in_(sorted(set(names))),
            ContactEvent.occurred_at <= self.now,
        ]
        return clauses if since is None else [*clauses, ContactEvent.occurred_at >= since]


def _subscribed() -> ColumnElement[bool]:
    return (
        exists()
        .where(
            Consent.contact_id == Contact.id,
            Consent.purpose == Purpose.MARKETING,
            Consent.status == ConsentStatus.SUBSCRIBED,
        )
        .correlate(Contact)
    )


def _in_flow(flow: str) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            Enrollment.contact_id == Contact.id,
            Enrollment.flow == flow,
            Enrollment.state != EnrollmentState.ENDED,
        )
        .correlate(Contact)
    )


def _is_plain(condition: Happened) -> bool:
    return condition.times == 1 and not condition.pattern.is_bound


def _is_counted(condition: Happened) -> bool:
    """Tell whether counting events says it all: no property is to be looked at."""
    each = condition.each is not None and condition.times > 1
    return not condition.pattern.is_bound and not each


def _month_and_day(day: date) -> str:
    return f"{day:%m-%d}"
