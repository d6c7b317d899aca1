"""What people came to: their orders, carts and consent are judged again, and what changed is kept.

A person is judged as a whole, from the facts as they stand, so that it does not matter in which
order these came. Told is which days that changes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical, known_as
from sekvens.db.base import Base
from sekvens.enrollments.tables import Enrollment
from sekvens.events.facts import chunks
from sekvens.messages.tables import Message
from sekvens.metrics import verdicts
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import CartResult, ContactResult, MessageEffect, OrderResult
from sekvens.metrics.verdicts import CART_KINDS, Row


@dataclass(frozen=True, kw_only=True)
class People:
    """Some people, by all of their contacts."""

    owner: Mapping[str, str]  #: contact id -> the canonical one

    @property
    def ids(self) -> list[str]:
        """List their contacts."""
        return sorted(self.owner)

    def by_owner(self, rows: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
        """Sort what is somebody's to the canonical contact."""
        found: defaultdict[str, list[Any]] = defaultdict(list)
        for contact_id, row in rows:
            found[self.owner[contact_id]].append(row)
        return found


def people_of(session: Session, contact_ids: Collection[str]) -> People:
    """Find the people whose contacts these are."""
    owners = set(canonical(session, contact_ids).values())
    known = known_as(session, owners)
    return People(owner={alias: whose for whose, aliases in known.items() for alias in aliases})


def judge(
    session: Session, contact_ids: Collection[str], *, rules: Rules, now: datetime
) -> set[date]:
    """Judge the people whose contacts these are; tell the days whose counts that changes.

    `now` is shop time: a cart that nobody touches is left at some time.
    """
    changed: set[date] = set()
    for some in chunks(contact_ids):
        people = people_of(session, some)
        changed |= _keep(session, people, _judged(session, people, rules, now), rules)
    return changed


def _judged(
    session: Session, people: People, rules: Rules, now: datetime
) -> dict[type[Base], list[Row]]:
    carts, effects = verdicts.carts(session, people, rules, now)
    return {
        OrderResult: verdicts.orders(session, people, rules),
        CartResult: carts,
        ContactResult: verdicts.contacts(session, people, rules),
        MessageEffect: effects,
    }


def _keep(
    session: Session, people: People, judged: Mapping[type[Base], Sequence[Row]], rules: Rules
) -> set[date]:
    days: set[date] = set()
    message_ids: set[str] = set()
    lost: set[str] = set()
    for table, rows in judged.items():
        for row in _replace(session, table, _present(session, table, people), rows):
            if (at := row.get("ordered_at" if table is OrderResult else "began_at")) is not None:
                days.add(rules.day_of(at))
            if "joined_at" in row:
                days.add(rules.day_of(row["joined_at"]))
                lost.add(row["contact_id"])
            if row.get("message_id") is not None:
                message_ids.add(row["message_id"])
    days |= days_sent(session, message_ids, rules)
    return days | _days_left(session, people, lost, rules)


def days_sent(session: Session, message_ids: Collection[str], rules: Rules) -> set[date]:
    """Tell the shop's days to which messages belong."""
    columns = Message.state, Message.sent_on, Message.claimed_at
    return {
        day_of_message(rules, *row)
        for some in chunks(message_ids)
        for row in session.execute(select(*columns).where(Message.id.in_(some)))
    }


def day_of_message(rules: Rules, state: str, sent_on: datetime | None, claimed: datetime) -> date:
    """Tell a message's day: that on which SES took it, or else on which it was due."""
    if state == "accepted" and sent_on is not None:
        return rules.day_of(sent_on)
    return rules.day_of_wall(claimed)


def _present(session: Session, table: type[Base], people: People) -> list[Row]:
    query = select(*table.__table__.columns)
    if table is MessageEffect:
        query = query.join(Message, Message.id == MessageEffect.message_id).where(
            Message.contact_id.in_(people.ids), MessageEffect.kind.in_(CART_KINDS)
        )
    else:
        query = query.where(table.__table__.c.contact_id.in_(people.ids))
    return [dict(row._mapping) for row in session.execute(query)]  # noqa: SLF001  its public name


def _replace(
    session: Session, table: type[Base], old: Sequence[Row], new: Sequence[Row]
) -> list[Row]:
    """Put what is new in the place of what was there; tell the rows that went or came."""
    before = {tuple(sorted(row.items(), key=str)): row for row in old}
    after = {tuple(sorted(row.items(), key=str)): row for row in new}
    gone = [row for key, row in before.items() if key not in after]
    come = [row for key, row in after.items() if key not in before]
    keys = list(table.__table__.primary_key)
    if gone:
        named = [tuple(row[key.name] for key in keys) for row in gone]
        session.execute(delete(table).where(tuple_(*keys).in_(named)))
    if come:
        session.execute(insert(table), come)
    return gone + come


def _days_left(
    session: Session, people: People, contact_ids: Collection[str], rules: Rules
) -> set[date]:
    """Tell the days on which people left flows of whom it has changed if they are kept."""
    theirs = [alias for alias, whose in people.owner.items() if whose in contact_ids]
    query = select(Enrollment.ended_at).where(
        Enrollment.contact_id.in_(theirs), Enrollment.ended_at.is_not(None)
    )
    return {rules.day_of(at) for at in session.scalars(query) if at is not None}
