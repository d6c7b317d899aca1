"""Entering and leaving segments: kept for those that somebody listens for, told as events.

Each turn is one row changed in the transaction that stores its event, by a statement that only one
of several at once can carry out: so whoever dies when, an entry is told once. A segment is told of
once the first look has seen everybody (`sekvens.audiences.rounds`); until then, rows are kept and
nothing is told, or the first round would be an entry of thousands.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.events.facts import Fact
from sekvens.events.schema import LEVEL_LAPSED, LEVEL_REACHED, SEGMENT_ENTERED, SEGMENT_LEFT
from sekvens.flows.codec import to_json
from sekvens.flows.conditions import Condition
from sekvens.flows.segments import SEGMENTS
from sekvens.segments import sql
from sekvens.segments.levels import conditions_of_levels
from sekvens.segments.tables import SegmentMembership, SegmentWatch
from sekvens.shop import Shop

#: What the memberships of levels are called by; no segment's name has a slash.
LEVEL: Final = "level/"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A segment or a level of which it is known who is in it."""

    name: str
    condition: Condition

    @property
    def digest(self) -> str:
        """What tells this condition from an earlier one of the same name."""
        text = json.dumps(to_json(self.condition), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def all_watchable(shop: Shop | None) -> dict[str, Watched]:
    """List the segments and levels that there are, by name; levels from the lowest on."""
    segments = {each.name: each.condition for each in SEGMENTS}
    levels = conditions_of_levels(shop.levels) if shop is not None else {}
    named = segments | {LEVEL + key: condition for key, condition in levels.items()}
    return {name: Watched(name=name, condition=what) for name, what in named.items()}


def told_of(session: Session, shop: Shop | None) -> list[Watched]:
    """List those of whom everybody is known, and by the condition that stands now."""
    query = select(SegmentWatch.segment, SegmentWatch.digest)
    rows = session.execute(query.where(SegmentWatch.complete_at.is_not(None)))
    known = {row.segment: row.digest for row in rows}
    if not known:
        return []
    return [each for name, each in all_watchable(shop).items() if known.get(name) == each.digest]


def turns(
    session: Session, contact_ids: Collection[str], watched: Collection[Watched], *, now: datetime
) -> list[Fact]:
    """Bring contacts' memberships up to date, and say what they owe as events.

    Args:
        session: A writing session, in which what is returned is to be stored.
        contact_ids: Contacts who stand, neither merged away nor erased.
        watched: What everybody is known of.
        now: Shop time.
    """
    if not watched or not contact_ids:
        return []
    query = select(SegmentMembership.contact_id, SegmentMembership.segment)
    query = query.where(
        SegmentMembership.contact_id.in_(contact_ids), SegmentMembership.until.is_(None)
    )
    were = {(whose, name) for whose, name in session.execute(query)}
    names = known_as(session, contact_ids)
    owed: list[Fact] = []
    for contact_id in sorted(contact_ids):
        before = {each.name for each in watched if (contact_id, each.name) in were}
        after = {
            each.name
            for each in watched
            if sql.holds(
                session,
                each.condition,
                contact_id=contact_id,
                contact_ids=names[contact_id],
                now=now,
            )
        }
        owed += _told(session, contact_id, [each.name for each in watched], before, after, now)
    return owed


def note(
    session: Session, name: str, *, entered: Iterable[str], left: Iterable[str], now: datetime
) -> None:
    """Keep who is in a segment, and tell nobody. `now` is shop time."""
    for contact_id in sorted(entered):
        _enter(session, contact_id, name, now)
    for contact_id in sorted(left):
        _leave(session, contact_id, name, now)


def _told(
    session: Session,
    contact_id: str,
    names: Collection[str],
    before: Collection[str],
    after: Collection[str],
    now: datetime,
) -> Iterator[Fact]:
    times: dict[str, int] = {}
    for name in names:
        if (name in before) == (name in after):
            continue
        turn = _enter if name in after else _leave
        number = turn(session, contact_id, name, now)
        if number is None:
            continue  # somebody else has been quicker, and tells it
        times[name] = number
        if not name.startswith(LEVEL):
            yield _segment_turn(contact_id, name, number, at=now, is_in=name in after)
    levels = [name for name in names if name.startswith(LEVEL)]
    was, is_now = _highest(levels, before), _highest(levels, after)
    if was == is_now:
        return
    is_up = is_now is not None and (was is None or levels.index(is_now) > levels.index(was))
    decisive = is_now if is_up else was
    if decisive in times:
        yield _level_turn(contact_id, was, is_now, times[decisive], at=now, is_up=is_up)


def _highest(levels: list[str], some: Collection[str]) -> str | None:
    return next((name for name in reversed(levels) if name in some), None)


def _segment_turn(contact_id: str, name: str, times: int, *, at: datetime, is_in: bool) -> Fact:
    did = "entered" if is_in else "left"
    return _fact(
        contact_id,
        SEGMENT_ENTERED if is_in else SEGMENT_LEFT,
        f"segment/{name}/{contact_id}/{times}#{did}",
        {"segment": name, "times": times},
        at,
    )


def _level_turn(
    contact_id: str, was: str | None, is_now: str | None, times: int, *, at: datetime, is_up: bool
) -> Fact:
    told = {"level": is_now, "previous": was}
    decisive, did = (is_now, "reached") if is_up else (was, "lapsed")
    return _fact(
        contact_id,
        LEVEL_REACHED if is_up else LEVEL_LAPSED,
        f"{decisive}/{contact_id}/{times}#{did}",
        {key: name.removeprefix(LEVEL) for key, name in told.items() if name is not None},
        at,
    )


def _fact(
    contact_id: str, name: str, message_id: str, properties: dict[str, Any], at: datetime
) -> Fact:
    return Fact(
        event_id=0,
        message_id=message_id,
        type="track",
        name=name,
        contact_id=contact_id,
        properties=properties,
        traits={},
        occurred_at=at,
    )


def _enter(session: Session, contact_id: str, name: str, now: datetime) -> int | None:
    """Write that a contact is in a segment, and tell for which time; None: they are in it."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = (sqlite.insert if is_sqlite else postgresql.insert)(SegmentMembership)
    statement = insert.values(contact_id=contact_id, segment=name, times=1, since=now)
    return session.execute(
        statement.on_conflict_do_update(
            index_elements=["contact_id", "segment"],
            set_={"times": SegmentMembership.times + 1, "since": now, "until": None},
            where=SegmentMembership.until.is_not(None),
        ).returning(SegmentMembership.times)
    ).scalar_one_or_none()


def _leave(session: Session, contact_id: str, name: str, now: datetime) -> int | None:
    """Write that a contact has left a segment; None: they are not in it."""
    return session.execute(
        update(SegmentMembership)
        .where(
            SegmentMembership.contact_id == contact_id,
            SegmentMembership.segment == name,
            SegmentMembership.until.is_(None),
        )
        .values(until=now)
        .returning(SegmentMembership.times)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
