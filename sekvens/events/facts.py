"""A stored event on its way into what is folded from it."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from sekvens.events.tables import ContactEvent

#: Ids of one look-up: below every database's limit of parameters.
LOOK_UP_MAX = 500


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """An event with the contact it belongs to. `occurred_at` is shop time."""

    event_id: int
    message_id: str
    type: str
    name: str
    contact_id: str
    properties: dict[str, Any]
    traits: dict[str, Any]
    occurred_at: datetime


def derived(
    fact: Fact, *, name: str, suffix: str, properties: dict[str, Any], contact_id: str | None = None
) -> Fact:
    """Make an event that follows from another one, for its contact or for somebody else.

    The suffix behind its `message_id` makes it happen once for each event that it follows from.
    """
    return Fact(
        event_id=0,
        message_id=fact.message_id + suffix,
        type="track",
        name=name,
        contact_id=contact_id or fact.contact_id,
        properties=properties,
        traits={},
        occurred_at=fact.occurred_at,
    )


def from_row(row: ContactEvent, contact_id: str) -> Fact:
    """Turn a stored event back into a fact."""
    return Fact(
        event_id=row.id,
        message_id=row.message_id,
        type=row.type,
        name=row.name,
        contact_id=contact_id,
        properties=row.properties,
        traits=row.properties if row.type == "identify" else {},
        occurred_at=row.occurred_at,
    )


def logs(
    session: Session, contact_ids: Collection[str], names: Collection[str], *, since: datetime
) -> dict[str, list[Fact]]:
    """Read contacts' events of these names, each oldest first, whatever order they came in.

    `since` is shop time.
    """
    found: dict[str, list[Fact]] = {contact_id: [] for contact_id in contact_ids}
    for some in chunks(contact_ids):
        rows = session.scalars(
            select(ContactEvent).where(
                ContactEvent.contact_id.in_(some),
                ContactEvent.name.in_(sorted(names)),
                ContactEvent.occurred_at >= since,
            )
        )
        for row in rows:
            assert row.contact_id is not None  # noqa: S101  the query asked for it
            found[row.contact_id].append(from_row(row, row.contact_id))
    for facts in found.values():
        facts.sort(key=in_order)
    return found


def in_order(fact: Fact) -> tuple[datetime, str]:
    """Tell a fact's place: when it happened; of two at one instant, any fixed order will do."""
    return fact.occurred_at, fact.message_id


def look_up(
    session: Session, statement: Select[*tuple[Any, ...]], ids: Collection[str]
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Run a look-up of columns by its parameter `ids`, in pieces.

    Such a statement is built once, and run without the session's own work on entities: together
    that is most of the cost of a small look-up. What the session has not flushed is not seen.
    """
    connection = session.connection()
    for some in chunks(ids):
        yield from connection.execute(statement, {"ids": some})


def chunks(ids: Collection[str]) -> Iterator[list[str]]:
    """Cut a look-up into pieces, in sorted order so that locks are taken in one order."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), LOOK_UP_MAX):
        yield ordered[start : start + LOOK_UP_MAX]
