"""What contacts have refused: "not this", said by the answer to a question of an e-mail.

The newest answer about a product counts; whoever changes their mind may be shown it again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.events.schema import QUESTION_ANSWERED
from sekvens.events.tables import ContactEvent
from sekvens.flows.keys import key_of

#: The question by which a product is refused, and the answer that does so.
NOT_THIS: Final = "not-this"
NEVER: Final = "never"


def refused_in(answers: Iterable[Mapping[str, Any]]) -> set[str]:
    """Tell which products are refused by answers, the oldest first; as keys."""
    newest = {
        key_of(said["product_id"]): said.get("answer")
        for said in answers
        if said.get("question") == NOT_THIS and said.get("product_id") is not None
    }
    return {product_id for product_id, answer in newest.items() if answer == NEVER}


def refused_by(
    session: Session, owners: Mapping[str, str], *, until: datetime
) -> dict[str, set[str]]:
    """Tell what people have refused, until an instant of shop time.

    `owners` leads from each contact to the one who stands: a person's answers count together.
    """
    rows: list[tuple[datetime, int, str, dict[str, Any]]] = []
    for some in chunks(owners):
        query = select(
            ContactEvent.occurred_at,
            ContactEvent.id,
            ContactEvent.contact_id,
            ContactEvent.properties,
        ).where(
            ContactEvent.contact_id.in_(some),
            ContactEvent.name == QUESTION_ANSWERED,
            ContactEvent.occurred_at <= until,
        )
        rows += [
            (at, number, str(whose), said) for at, number, whose, said in session.execute(query)
        ]
    answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for _, _, whose, said in sorted(rows, key=lambda row: row[:2]):
        answers[owners[whose]].append(said)
    return {whose: refused_in(said) for whose, said in answers.items()}
