"""Since when contacts are in segments, and until when: of every segment and level that there is.

Kept by the rounds over everybody, and known from their looks alone: between two of them, what the
earlier saw holds. What was seen once stays, so that nothing that is counted by it ever moves.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.events.facts import chunks
from sekvens.segments.tables import SegmentStay


def keep_stays(
    session: Session,
    inside: Mapping[str, Collection[str]],
    *,
    among: Collection[str],
    now: datetime,
) -> None:
    """Keep who is in which segment now (shop time).

    Args:
        session: A writing session.
        inside: Of each segment, which of these contacts are in it.
        among: The contacts who were looked at: they stand, neither merged away nor erased.
        now: Shop time.
    """
    names = known_as(session, among)
    are = {
        (alias, segment)
        for segment, some in inside.items()
        for whose in some
        for alias in names.get(whose, ())
    }
    were = _open(session, {alias for each in names.values() for alias in each})
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = (sqlite.insert if is_sqlite else postgresql.insert)(SegmentStay)
    entered = [
        {"contact_id": whose, "segment": segment, "since": now}
        for whose, segment in sorted(are - were)
    ]
    if entered:
        session.execute(insert.on_conflict_do_nothing(), entered)
    left: defaultdict[str, list[str]] = defaultdict(list)
    for whose, segment in were - are:
        left[segment].append(whose)
    for segment, theirs in sorted(left.items()):
        for some in chunks(theirs):
            over = SegmentStay.segment == segment, SegmentStay.contact_id.in_(some)
            session.execute(
                update(SegmentStay)
                .where(*over, SegmentStay.until.is_(None))
                .values(until=now)
                .execution_options(synchronize_session=False)
            )


def _open(session: Session, contact_ids: Collection[str]) -> set[tuple[str, str]]:
    columns = select(SegmentStay.contact_id, SegmentStay.segment)
    return {
        (whose, segment)
        for some in chunks(contact_ids)
        for whose, segment in session.execute(
            columns.where(SegmentStay.contact_id.in_(some), SegmentStay.until.is_(None))
        )
    }
