"""Export: everything that is held of a person, table by table, as it stands in the database.

It goes by `sekvens.contacts.holdings`, as an erasure does, so that neither forgets a table. Of
another person nothing is told but that there is one.
"""

import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.orm import Session

from sekvens.contacts.holdings import HOLDINGS
from sekvens.contacts.person import Person
from sekvens.contacts.tables import Contact
from sekvens.contacts.zone import zone_of_row
from sekvens.messages.tables import Message, Template

#: What stands where a row names somebody else.
SOMEBODY_ELSE: Final = "another contact"


def export(session: Session, person: Person, *, now: datetime, shop_zone: str) -> dict[str, Any]:
    """Tell all that is held of a person, ready for JSON. `now` is wall time."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for holding in HOLDINGS:
        rows = _rows_of(session, person, holding.table, holding.whose(person))
        tables.setdefault(holding.name, []).extend(rows)
    return {
        "format": 1,
        "exported_at": now.isoformat(),
        "contact": person.ids[0],
        "contacts": list(person.ids),
        "time_zone": _zone(person, shop_zone),
        "tables": tables,
        "emails": _emails(session, person),
    }


def _rows_of(
    session: Session, person: Person, table: Any, whose: ColumnElement[bool]
) -> Iterator[dict[str, Any]]:
    columns: list[Column[Any]] = list(table.__table__.columns)
    query = select(table.__table__).where(whose).order_by(*table.__table__.primary_key)
    for row in session.execute(query):
        yield {
            column.name: _told(person, column, value)
            for column, value in zip(columns, row, strict=True)
        }


def _told(person: Person, column: Column[Any], value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):  # a copy of an e-mail
        return zlib.decompress(value).decode()
    names_contact = any(key.column.table is Contact.__table__ for key in column.foreign_keys)
    if names_contact and value is not None and value not in person.ids:
        return SOMEBODY_ELSE
    return value


def _zone(person: Person, shop_zone: str) -> dict[str, str]:
    """Tell by which clock they are written to, by what that is known, and how sure it is."""
    zone = zone_of_row(person.contact, shop_zone)
    return {"name": zone.name, "source": zone.source, "confidence": zone.confidence}


def _emails(session: Session, person: Person) -> dict[str, Any]:
    """Tell what the e-mails said, before names were put in: what was sent is not kept."""
    sent = select(Message.template_digest).where(Message.contact_id.in_(person.ids)).distinct()
    query = select(Template).where(Template.digest.in_(sent)).order_by(Template.name)
    return {
        row.digest: {"name": row.name, "sources": row.sources} for row in session.scalars(query)
    }
