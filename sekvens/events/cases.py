"""Open cases, folded from events: delays, returns, complaints, replies, and what settles them.

Of each case the newest word counts, whatever order the words come in: it is open while nothing that
closes it is as new as what opened it. Only an opening makes a row, because most orders are shipped
and delivered without any case; what had closed it before we knew is read from the log.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.facts import Fact, chunks, logs
from sekvens.events.schema import (
    COMPLAINT_OPENED,
    COMPLAINT_RESOLVED,
    EMAIL_REPLIED,
    ORDER_CANCELLED,
    ORDER_DELAYED,
    ORDER_DELIVERED,
    ORDER_READY_FOR_PICKUP,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    REPLY_ANSWERED,
    RETURN_COMPLETED,
    RETURN_STARTED,
)
from sekvens.events.tables import CaseKind, OpenCase
from sekvens.flows.keys import key_of

_OPENS: Final = {
    ORDER_DELAYED: CaseKind.DELAY,
    RETURN_STARTED: CaseKind.RETURN,
    COMPLAINT_OPENED: CaseKind.COMPLAINT,
    EMAIL_REPLIED: CaseKind.REPLY,
}
_CLOSES: Final = {
    ORDER_SHIPPED: (CaseKind.DELAY,),
    ORDER_READY_FOR_PICKUP: (CaseKind.DELAY,),
    ORDER_DELIVERED: (CaseKind.DELAY,),
    ORDER_CANCELLED: (CaseKind.DELAY, CaseKind.RETURN),
    ORDER_REFUNDED: (CaseKind.DELAY, CaseKind.RETURN),
    RETURN_COMPLETED: (CaseKind.RETURN,),
    COMPLAINT_RESOLVED: (CaseKind.COMPLAINT,),
    REPLY_ANSWERED: (CaseKind.REPLY,),
}
CASE_EVENTS: Final = frozenset({*_OPENS, *_CLOSES})
#: These are told apart by the help desk's own id.
_BY_CASE_ID: Final = frozenset(
    {COMPLAINT_OPENED, COMPLAINT_RESOLVED, EMAIL_REPLIED, REPLY_ANSWERED}
)
_ALWAYS: Final = datetime(1, 1, 2, tzinfo=UTC)


class Word(NamedTuple):
    """What one event says about a case; a closing without a key settles all of its kind."""

    kind: CaseKind
    key: str | None
    opens: bool
    at: datetime


def fold_cases(session: Session, facts: Sequence[Fact], merged: Collection[str]) -> None:
    """Put events about cases into the table; `merged` are contacts who took over another's."""
    words: dict[str, list[Word]] = {contact_id: [] for contact_id in merged}
    for fact in facts:
        words.setdefault(fact.contact_id, []).extend(words_of(fact))
    rows: dict[str, dict[tuple[str, str | None], OpenCase]] = defaultdict(dict)
    for some in chunks(words):
        for row in session.scalars(select(OpenCase).where(OpenCase.contact_id.in_(some))):
            rows[row.contact_id][row.kind, row.key] = row
    unread = {
        contact_id
        for contact_id, own in words.items()
        if any(word.opens and (word.kind, word.key) not in rows[contact_id] for word in own)
    }
    for contact_id, log in logs(session, unread.union(merged), CASE_EVENTS, since=_ALWAYS).items():
        words[contact_id] = [word for fact in log for word in words_of(fact)]
    for contact_id, own in words.items():
        for word in own:
            if word.opens:
                _open(session, rows[contact_id], contact_id, word)
        # Only now is every case there that a closing may be about.
        for word in own:
            if not word.opens:
                _close(rows[contact_id].values(), word)


def words_of(fact: Fact) -> Iterator[Word]:
    """Read what an event says about cases; nothing, mostly."""
    if fact.properties.get("automatic") is True:
        return  # an out-of-office note waits for no answer
    names = ("case_id", "order_id") if fact.name in _BY_CASE_ID else ("order_id",)
    named = next((fact.properties[name] for name in names if fact.properties.get(name)), None)
    key = None if named is None else key_of(named)
    if fact.name in _OPENS:
        # One that names nothing is a case of its own.
        own = key or key_of(fact.message_id)
        yield Word(kind=_OPENS[fact.name], key=own, opens=True, at=fact.occurred_at)
    for kind in _CLOSES.get(fact.name, ()):
        yield Word(kind=kind, key=key, opens=False, at=fact.occurred_at)


def _open(
    session: Session,
    rows: dict[tuple[str, str | None], OpenCase],
    contact_id: str,
    word: Word,
) -> None:
    row = rows.get((word.kind, word.key))
    if row is not None:
        row.opened_at = max(row.opened_at, word.at)
        return
    row = OpenCase(contact_id=contact_id, kind=word.kind, key=word.key, opened_at=word.at)
    rows[word.kind, word.key] = row
    session.add(row)


def _close(rows: Iterable[OpenCase], word: Word) -> None:
    for row in rows:
        if row.kind == word.kind and word.key in (None, row.key):
            row.closed_at = max(row.closed_at or word.at, word.at)
