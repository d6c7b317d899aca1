"""Erasure: a person is forgotten, and what happened stays as far as it says nothing about them.

What stays are ids, names of events, times, sums of money, consent as it stood, and the suppression
of their address by its hash. Ids that the shop gave stay if they are plain, so that a repeat of an
old event is still known as one; any other id becomes its hash, for it may be an address. What goes
and what stays is said of each column in `sekvens.contacts.holdings`.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.holdings import HOLDINGS, Chosen, Deleted, Holding, Stays
from sekvens.contacts.person import Person, person_of
from sekvens.contacts.suppression import who_has
from sekvens.contacts.tables import Contact, Erasure, ErasureReason, SuppressionReason
from sekvens.db.base import Base, new_id
from sekvens.enrollments.leaving import let_go, under_way
from sekvens.enrollments.names import plain
from sekvens.events.identity import load_contacts
from sekvens.events.ingest import record_fact
from sekvens.events.schema import CONTACT_SUPPRESSED
from sekvens.events.tables import ContactEvent
from sekvens.flows.steps import ExitReason

logger = logging.getLogger(__name__)

#: Whatever its columns hold is written down at the erasure itself.
_CERTIFICATES: Final = Erasure.__tablename__


def erase(
    session: Session,
    contact_id: str,
    *,
    now: datetime,
    now_shop: datetime,
    by: str = "sekvens",
    why: ErasureReason = ErasureReason.REQUEST,
) -> tuple[str, ...]:
    """Forget a contact, and those merged into them; a repeat changes nothing more.

    All that is under way for them ends. Their address is suppressed as inactive, so that whoever
    comes back may be a new contact. `erasure_of` finds the certificate. Call
    `sekvens.events.barrier.wait_for_senders` with the result after the commit.

    Args:
        session: A writing session.
        contact_id: Any of the person's contacts.
        now: Wall time.
        now_shop: Shop time.
        by: Who does it.
        why: The reason for the certificate.

    Returns:
        All contacts that were the person's, the canonical one first, and behind them others who
        have the same address; none if there is no such contact.
    """
    load_contacts(session, [contact_id])  # whoever stores something of them waits
    person = person_of(session, contact_id)
    if person is None:
        return ()
    if erasure_of(session, person.ids[0]) is not None:
        return person.ids
    ended = let_go(session, under_way(session, person.ids), ExitReason.SUPPRESSED, now=now)
    others = set().union(*who_has(session, person.emails).values()) - set(person.ids)
    fact = _suppress(session, person, now=now, now_shop=now_shop)
    certificate = Erasure(
        id=new_id("x"),
        contact_id=person.ids[0],
        contact_ids=list(person.ids),
        erased_at=now,
        by=by,
        why=why,
        tables=_forget(session, person),
        enrollments_ended=ended,
    )
    session.add(certificate)
    _mark(session, person, fact, now=now)
    logger.info(
        "contact %s is erased",
        person.ids[0],
        extra={"action": "contact_erased", "contact_id": person.ids[0]},
    )
    return (*person.ids, *sorted(others))


def erasure_of(session: Session, contact_id: str) -> Erasure | None:
    """Find the certificate of somebody erased, by any of their contacts."""
    stands = canonical_id(session, contact_id)
    return session.scalar(select(Erasure).where(Erasure.contact_id == stands))


def erasures(session: Session, *, offset: int = 0, limit: int) -> tuple[Sequence[Erasure], int]:
    """List certificates, the newest first; tell how many there are in all."""
    newest = select(Erasure).order_by(Erasure.erased_at.desc(), Erasure.id)
    count = session.scalar(select(func.count()).select_from(Erasure)) or 0
    return session.scalars(newest.offset(offset).limit(limit)).all(), count


def certificate_of(erasure: Erasure) -> dict[str, Any]:
    """Write a certificate out: ids, counts and times."""
    return {
        "certificate": erasure.id,
        "format": 1,
        "contact": erasure.contact_id,
        "contacts": erasure.contact_ids,
        "erased_at": erasure.erased_at.isoformat(),
        "by": erasure.by,
        "why": erasure.why,
        "enrollments_ended": erasure.enrollments_ended,
        "tables": erasure.tables,
    }


def _suppress(session: Session, person: Person, *, now: datetime, now_shop: datetime) -> str:
    """Suppress the address by a fact, while it is known; name the fact."""
    fact = new_id("erased")
    record_fact(
        session,
        contact_id=person.ids[0],
        name=CONTACT_SUPPRESSED,
        message_id=fact,
        properties=_said(),
        occurred_at=now_shop,
        now=now,
    )
    session.flush()
    return fact


def _said() -> dict[str, Any]:
    return {"reason": SuppressionReason.INACTIVE, "source": "erasure"}


def _mark(session: Session, person: Person, fact: str, *, now: datetime) -> None:
    """Let nothing more be stored of them; what the erasure itself said stands."""
    own_fact = update(ContactEvent).where(ContactEvent.message_id == fact)
    session.execute(own_fact.values(properties=_said()))
    marked = update(Contact).where(Contact.id.in_(person.ids))
    session.execute(marked.values(erased_at=now, updated_at=now))
    session.flush()
    session.expire_all()


def _forget(session: Session, person: Person) -> dict[str, dict[str, int]]:
    """Do what is said of each table; count its rows by what became of them."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for holding in children_first():
        if holding.name != _CERTIFICATES:
            counts[holding.name].update(_forget_rows(session, person, holding))
    found = ((name, +counted) for name, counted in sorted(counts.items()))
    return {name: dict(counted) for name, counted in found if counted}


def children_first() -> Iterator[Holding]:
    """List the holdings so that what refers to another table comes before it."""
    order = {table: at for at, table in enumerate(Base.metadata.sorted_tables)}
    yield from sorted(HOLDINGS, key=lambda holding: -order[holding.table.__table__])  # type: ignore[index]


def _forget_rows(session: Session, person: Person, holding: Holding) -> dict[str, int]:
    whose = holding.whose(person)
    match holding.erasure:
        case Chosen() as chosen:
            return dict(chosen.forget(session, person))
        case Deleted():
            return {"deleted": _rows(session.execute(delete(holding.table).where(whose)))}
        case Stays() as stays:
            return {_becomes(stays): _empty(session, holding.table, stays, whose)}
        case _:
            assert_never(holding.erasure)


def _becomes(stays: Stays) -> str:
    return "emptied" if stays.empties or stays.hashes else "kept"


def _empty(session: Session, table: type[Base], stays: Stays, whose: Any) -> int:
    for name in stays.hashes:
        _hash_ids(session, getattr(table, name), whose)
    if stays.empties:
        emptied = update(table).where(whose, _says_something(table, stays)).values(**stays.empties)
        options = {"synchronize_session": False}
        return _rows(session.execute(emptied, execution_options=options))
    return session.scalar(select(func.count()).select_from(table).where(whose)) or 0


def _says_something(table: type[Base], stays: Stays) -> ColumnElement[bool]:
    """Leave rows alone that are empty already, as far as SQL can tell: a sender may hold them."""
    if any(value is not None for value in stays.empties.values()):
        return true()
    return or_(*(getattr(table, name).is_not(None) for name in stays.empties))


def _rows(result: Any) -> int:
    assert isinstance(result, CursorResult)  # noqa: S101  of a statement that writes
    return result.rowcount


def _hash_ids(session: Session, column: InstrumentedAttribute[Any], whose: Any) -> None:
    """Turn each id that is not plain into its hash, the same in every table."""
    given: Sequence[Any] = session.scalars(select(column).where(whose).distinct()).all()
    for each in given:
        if each is not None and plain(each) != each:
            table: Any = column.class_
            session.execute(
                update(table).where(whose, column == each).values({column: plain(each)}),
                execution_options={"synchronize_session": False},
            )
