"""What was opened and clicked, counted, people and machines apart."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.engagement.tables import Engagement

#: (kind, why it was a machine's; None: a person's, as far as anything shows) -> how many
Counted = Mapping[tuple[str, str | None], int]


def counts_of(session: Session, message_ids: Sequence[str]) -> dict[str, Counted]:
    """Count the opens and clicks of some messages; those without any are left out."""
    query = select(Engagement.message_id, Engagement.kind, Engagement.reason, func.count())
    query = query.where(Engagement.message_id.in_(message_ids))
    query = query.group_by(Engagement.message_id, Engagement.kind, Engagement.reason)
    found: defaultdict[str, Counter[tuple[str, str | None]]] = defaultdict(Counter)
    for message_id, kind, reason, count in session.execute(query):
        found[message_id][kind, reason] += count
    return dict(found)


def counts_since(session: Session, since: datetime) -> Counted:
    """Count all opens and clicks since an instant of wall time."""
    query = select(Engagement.kind, Engagement.reason, func.count()).where(Engagement.at >= since)
    query = query.group_by(Engagement.kind, Engagement.reason)
    return {(kind, reason): count for kind, reason, count in session.execute(query)}


def in_words(counted: Counted) -> str:
    """Say it: `2 clicks, 5 machine clicks (several links 3, head 2)`; nothing if there are none."""
    said = []
    for kind in sorted({kind for kind, _ in counted}):
        people = counted.get((kind, None), 0)
        machines = {why: n for (of, why), n in counted.items() if of == kind and why is not None}
        if people:
            said.append(_many(people, kind))
        if machines:
            whys = ", ".join(f"{why} {n:,}" for why, n in sorted(machines.items()))
            total = sum(machines.values())
            said.append(f"{_many(total, f'machine {kind}')} ({whys.replace('_', ' ')})")
    return ", ".join(said)


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
