"""Who is in a segment: how many, the first few, and of one contact why or why not.

Counted in one statement where SQL says all of it. Whoever SQL leaves open is asked about alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.flows import wording
from sekvens.flows.conditions import AllOf, AnyOf, Condition, InSegment, Not
from sekvens.segments import sql
from sekvens.segments.audience import candidates, is_decided, is_of_one_row, known_otherwise
from sekvens.segments.figures import reorder_gap

#: Contacts read at once where each is to be asked about alone.
PAGE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One sentence that is true of a contact, and whether the condition holds so far."""

    depth: int  #: how deep in the condition it stands
    is_so: bool
    sentence: str


def count(session: Session, condition: Condition, *, now: datetime) -> int:
    """Tell of how many contacts a condition holds. `now` is shop time."""
    if not is_decided(condition):
        return sum(1 for _ in members(session, condition, now=now))
    fits = candidates(condition, now=now, gap=reorder_gap(session), after=None).order_by(None)
    if is_of_one_row(condition):
        return _count(session, fits)
    merged = session.scalars(fits.where(Contact.id.in_(known_otherwise()))).all()
    alone = sum(sql.holds(session, condition, contact_id=each, now=now) for each in merged)
    return _count(session, fits.where(Contact.id.not_in(known_otherwise()))) + alone


def members(
    session: Session, condition: Condition, *, now: datetime, after: str | None = None
) -> Iterator[str]:
    """List the contacts of whom a condition holds, in the order of their ids."""
    gap = reorder_gap(session)
    is_sure = is_decided(condition) and is_of_one_row(condition)
    while True:
        query = candidates(condition, now=now, gap=gap, after=after, limit=PAGE)
        page: Sequence[str] = session.scalars(query).all()
        for contact_id in page:
            if is_sure or sql.holds(session, condition, contact_id=contact_id, now=now):
                yield contact_id
        if len(page) < PAGE:
            return
        after = page[-1]


def members_within(
    session: Session, condition: Condition, *, after: str | None, until: str, now: datetime
) -> set[str]:
    """Tell of which contacts behind one id and up to another a condition holds."""
    gap = reorder_gap(session)
    found = session.scalars(candidates(condition, now=now, gap=gap, after=after, until=until)).all()
    if is_decided(condition) and is_of_one_row(condition):
        return set(found)
    return {each for each in found if sql.holds(session, condition, contact_id=each, now=now)}


def reasons(
    session: Session,
    condition: Condition,
    *,
    contact_id: str,
    now: datetime,
    words: ModuleType = wording,
) -> list[Reason]:
    """Say of each part of a condition what is so of a contact, in the words of a language."""

    def holds(asked: Condition) -> bool:
        return sql.holds(session, asked, contact_id=contact_id, now=now)

    return list(_reasons(condition, holds, words, 0))


def _reasons(
    condition: Condition, holds: Callable[[Condition], bool], words: ModuleType, depth: int
) -> Iterator[Reason]:
    is_so = holds(condition)
    match condition:
        case InSegment():
            yield from _reasons(condition.condition, holds, words, depth)
            return
        case AllOf() | AnyOf() if len(condition.conditions) > 1:
            yield Reason(depth=depth, is_so=is_so, sentence=words.of_these(condition))
            for inner in condition.conditions:
                yield from _reasons(inner, holds, words, depth + 1)
        case _:
            said = condition if is_so else _denied(condition)
            yield Reason(depth=depth, is_so=is_so, sentence=words.in_force(said))


def _denied(condition: Condition) -> Condition:
    return condition.condition if isinstance(condition, Not) else Not(condition=condition)


def _count(session: Session, query: Select[str]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0
