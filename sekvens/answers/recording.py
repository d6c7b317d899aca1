"""Answers become facts: each once for its message and question, what is new of it as another fact.

A contact's own words are personal data. They stand in the event, in the database, and nowhere else:
what is told of the event to Temporal is its id, and the keys of what a flow listens for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.ingest import record_fact
from sekvens.events.schema import PRODUCT_REVIEWED, QUESTION_ANSWERED
from sekvens.events.tables import ContactEvent
from sekvens.imports.plain import paragraphs
from sekvens.messages.links import AnswerLink
from sekvens.messages.tables import Message

#: Nobody changes their mind as often; whatever does is no person.
CHANGES_MAX: Final = 10
#: As much as somebody writes who is cross; a review may be longer.
WORDS_LENGTH_MAX: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Given:
    """An answer, and the contact's own words with it; empty: none."""

    answer: str
    words: str = ""


def clean_words(text: str, *, length_max: int = WORDS_LENGTH_MAX) -> str:
    """Tell somebody's own words as plain lines: no markup, nothing that shows nothing."""
    return paragraphs(text)[:length_max].strip()


def record_answer(
    session: Session,
    link: AnswerLink,
    given: Given,
    *,
    contact_id: str,
    occurred_at: datetime,
    now: datetime,
) -> None:
    """Record an answer unless it is the present one. `contact_id` is whose it is now.

    Args:
        session: A writing session; the fact is committed with it.
        link: The link that was followed.
        given: What was given. Without words, those given before stand.
        contact_id: Whose it is: of contacts who were merged, the one that stands.
        occurred_at: Shop time.
        now: Wall time.
    """
    before = _facts(session, contact_id, QUESTION_ANSWERED, link)
    last = before[-1] if before else {}
    is_said = last.get("answer") == given.answer and given.words in ("", last.get("words", ""))
    if is_said or len(before) > CHANGES_MAX:
        return
    message = session.get(Message, link.message_id)
    record_fact(
        session,
        contact_id=contact_id,
        name=QUESTION_ANSWERED,
        message_id=_fact_id("answer", link, len(before)),
        properties={
            "question": link.question,
            "answer": given.answer,
            "flow": message.flow if message else None,
            "step": message.step_id if message else None,
            "email_id": link.message_id,
        }
        | ({"words": given.words} if given.words else {})
        | ({"product_id": link.product_id} if link.product_id else {}),
        occurred_at=occurred_at,
        now=now,
    )


def record_review(
    session: Session,
    link: AnswerLink,
    given: Given,
    *,
    contact_id: str,
    occurred_at: datetime,
    now: datetime,
) -> None:
    """Record a review as `Product Reviewed`, unless it says what it said or has no text.

    A rating that is changed changes the review that was written to it. Arguments as for
    `record_answer`.
    """
    before = _facts(session, contact_id, PRODUCT_REVIEWED, link)
    last = before[-1] if before else {}
    text = given.words or last.get("review_body", "")
    said = (last.get("rating"), last.get("review_body"))
    is_said = said == (int(given.answer), text) or len(before) > CHANGES_MAX
    if link.product_id is None or not text or is_said:
        return
    record_fact(
        session,
        contact_id=contact_id,
        name=PRODUCT_REVIEWED,
        message_id=_fact_id("review", link, len(before)),
        properties={
            "product_id": link.product_id,
            "review_id": _fact_id("review", link, 0),
            "rating": int(given.answer),
            "review_body": text,
            "question": link.question,
            "email_id": link.message_id,
        },
        occurred_at=occurred_at,
        now=now,
    )


def _facts(session: Session, contact_id: str, name: str, link: AnswerLink) -> list[dict[str, Any]]:
    """List what was recorded by this message's links to this question, oldest first."""
    query = select(ContactEvent.properties).where(
        ContactEvent.contact_id == contact_id, ContactEvent.name == name
    )
    mine = {"email_id": link.message_id, "question": link.question, "product_id": link.product_id}
    return [
        properties
        for properties in session.scalars(query.order_by(ContactEvent.id))
        if all(properties.get(key) == value for key, value in mine.items())
    ]


def _fact_id(kind: str, link: AnswerLink, changes: int) -> str:
    product = f"/of/{link.product_id}" if link.product_id else ""
    change = f"/{changes}" if changes else ""
    return f"{kind}/{link.message_id}/{link.question}{product}{change}"
