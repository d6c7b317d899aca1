"""Named questions about answers: how many gave which, and what was written. Nothing is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.schema import QUESTION_ANSWERED
from sekvens.events.tables import ContactEvent
from sekvens.messages.questions import DETRACTS_UNTIL, PROMOTES_FROM, QUESTIONS


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How often each answer to one question was given, only the newest of each e-mail counted."""

    question: str
    counts: dict[str, int]  #: in the question's order

    @property
    def total(self) -> int:
        """How many answered."""
        return sum(self.counts.values())

    @property
    def score(self) -> int | None:
        """Promoters less detractors, of a hundred; None for a question that is no such scale."""
        if set(self.counts) != {str(value) for value in range(11)} or not self.total:
            return None
        promote = sum(n for value, n in self.counts.items() if int(value) >= PROMOTES_FROM)
        detract = sum(n for value, n in self.counts.items() if int(value) <= DETRACTS_UNTIL)
        return round(100 * (promote - detract) / self.total)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a contact wrote with an answer."""

    contact_id: str
    question: str
    answer: str
    words: str
    at: datetime  #: shop time


def tallies(session: Session, *, since: datetime | None = None) -> tuple[Tally, ...]:
    """Count the answers to every question that we know. `since` is shop time."""
    newest: dict[tuple[Any, ...], tuple[str, str]] = {}
    for row in _answers(session, since):
        said = row.properties
        asked, given = said.get("question"), said.get("answer")
        if isinstance(asked, str) and isinstance(given, str):
            of = (row.contact_id, asked, str(said.get("email_id") or row.id))
            newest[of] = (asked, given)
    counted = Counter(newest.values())
    return tuple(
        Tally(
            question=name,
            counts={answer.value: counted[name, answer.value] for answer in question.answers},
        )
        for name, question in QUESTIONS.items()
    )


def written(
    session: Session, *, since: datetime | None = None, limit: int = 50
) -> tuple[Written, ...]:
    """List what contacts wrote with their answers, the newest first. `since` is shop time."""
    found = (
        Written(
            contact_id=row.contact_id or "-",
            question=str(row.properties.get("question")),
            answer=str(row.properties.get("answer")),
            words=row.properties["words"],
            at=row.occurred_at,
        )
        for row in reversed(_answers(session, since))
        if isinstance(row.properties.get("words"), str)
    )
    return tuple(one for one, _ in zip(found, range(limit), strict=False))


def _answers(session: Session, since: datetime | None) -> Sequence[ContactEvent]:
    query = select(ContactEvent).where(ContactEvent.name == QUESTION_ANSWERED)
    if since is not None:
        query = query.where(ContactEvent.occurred_at >= since)
    return session.scalars(query.order_by(ContactEvent.occurred_at, ContactEvent.id)).all()
