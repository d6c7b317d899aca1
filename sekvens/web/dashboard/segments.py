"""Segments: how many are in each, the first few, and of one contact why or why not.

A contact is asked about by our id, since no address may stand in an address of a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.flows.segments import SEGMENTS, Segment
from sekvens.messages.why_words import WORDINGS
from sekvens.segments.members import Reason, count, members, reasons
from sekvens.segments.tables import ContactSummary
from sekvens.segments.turns import turned
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.kept import Kept
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.words import Words

SHOWN: Final = 10
#: Entries and leavings are those of so many days (shop time).
LATELY: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A contact in a segment, by what segments go by."""

    contact_id: str
    summary: ContactSummary | None  #: None: no orders, and no sign of life


_BY_NAME: Final = {each.name: each for each in SEGMENTS}


def _count(_house: House, session: Session, asked: Asked, of: str) -> int:
    """Count who is in a segment: of a million contacts that takes a second."""
    return count(session, _BY_NAME[of].condition, now=asked.shop_now)


def _first(_house: House, session: Session, asked: Asked, of: str) -> Sequence[str]:
    """Find the first who are in a segment: of one that few are in, all may have to be read."""
    return list(islice(members(session, _BY_NAME[of].condition, now=asked.shop_now), SHOWN))


_COUNTS: Final = Kept(_count)
_FIRST: Final = Kept(_first)


def show_list(house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List the segments with how many are in each now."""
    since = {"since": asked.shop_now - LATELY, "since_wall": asked.now - LATELY}
    return {
        "segments": SEGMENTS,
        "says": Words(SEGMENT.name, asked.language),
        "counts": {name: _COUNTS.answer(house, session, asked, name) for name in _BY_NAME},
        "turned": turned(session, **since),
        "days": LATELY.days,
    }


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """Tell who is in one segment, and why one contact is or is not."""
    found = _BY_NAME.get(asked.path["segment"])
    if found is None:
        return None
    return {
        "segment": found,
        "definition": WORDINGS[asked.language].in_force(found.condition),
        "count": _COUNTS.answer(house, session, asked, found.name),
        "members": _members(session, _FIRST.answer(house, session, asked, found.name)),
        "shown": SHOWN,
        **_explained(session, found, asked),
    }


def _members(session: Session, ids: Sequence[str]) -> Sequence[Member]:
    query = select(ContactSummary).where(ContactSummary.contact_id.in_(ids))
    summaries = {row.contact_id: row for row in session.scalars(query)}
    return [Member(contact_id=each, summary=summaries.get(each)) for each in ids]


def _explained(session: Session, segment: Segment, asked: Asked) -> Mapping[str, object]:
    given = asked.query.get("contact", "").strip()
    explained: Sequence[Reason] = ()
    contact = session.get(Contact, given) if given else None
    if contact is not None:
        whose = canonical_id(session, contact.id)
        explained = reasons(
            session, segment.condition, contact_id=whose, now=asked.shop_now,
            words=WORDINGS[asked.language],
        )  # fmt: skip
    return {
        "explained": explained,
        "of": contact.id if contact else None,
        "is_unknown": bool(given) and contact is None,
    }


SEGMENT_LIST = Page(path="/staff/segments", name="segments", section="segments", show=show_list)
SEGMENT = Page(path="/staff/segments/{segment}", name="segment", section="segments", show=show)
