"""What messages led to, folded from events that name their message: answers, reviews, goodbyes.

The newest word counts, whatever came first. What an event said once stays when the event has been
reduced to ids and sums, so effects are added and never worked out anew.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.events.schema import PRODUCT_REVIEWED, QUESTION_ANSWERED, UNSUBSCRIBED
from sekvens.events.tables import ContactEvent
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.tables import Message
from sekvens.metrics.people import day_of_message
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import MessageEffect

ANSWER: Final = "answer/"
REVIEWED: Final = "reviewed"
LEFT: Final = "unsubscribed"
#: Events that may name the message that they follow from.
EFFECTIVE: Final = (PRODUCT_REVIEWED, QUESTION_ANSWERED, UNSUBSCRIBED)


def fold(session: Session, events: Sequence[ContactEvent], rules: Rules) -> set[date]:
    """Keep what events say of messages; tell the days whose counts that changes."""
    told = [(row, said) for row in events for said in [_said(row)] if said is not None]
    messages = _messages(session, {message_id for _, (message_id, _, _) in told})
    within = timedelta(days=rules.settings.answer_days)
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row, (message_id, kind, value) in told:
        message = messages.get(message_id)
        if message is None or message.sent_on is None:
            continue
        if not timedelta() <= row.occurred_at - message.sent_on <= within:
            continue
        effect = {"message_id": message_id, "kind": kind, "value": value, "bucket": None,
                  "at": row.occurred_at}  # fmt: skip
        key = message_id, kind
        newest[key] = max(newest.get(key, effect), effect, key=_order)
    return {
        day_of_message(rules, message.state, message.sent_on, message.claimed_at)
        for message_id in _keep(session, newest)
        for message in [messages[message_id]]
    }


def _said(row: ContactEvent) -> tuple[str, str, str | None] | None:
    """Tell message, kind and value of what an event says of a message; None: nothing."""
    said = row.properties
    message_id = said.get("email_id")
    if not isinstance(message_id, str):
        return None
    if row.name == QUESTION_ANSWERED:
        question, answer = said.get("question"), said.get("answer")
        known = QUESTIONS.get(question) if isinstance(question, str) else None
        if known is None or not isinstance(answer, str) or known.answer(answer) is None:
            return None
        return message_id, f"{ANSWER}{question}", answer
    return message_id, REVIEWED if row.name == PRODUCT_REVIEWED else LEFT, None


def _messages(session: Session, message_ids: Collection[str]) -> dict[str, Message]:
    return {
        row.id: row
        for some in chunks(message_ids)
        for row in session.scalars(select(Message).where(Message.id.in_(some)))
    }


def _order(effect: dict[str, Any]) -> tuple[datetime, str]:
    return effect["at"], effect["value"] or ""


def _keep(session: Session, newest: dict[tuple[str, str], dict[str, Any]]) -> set[str]:
    """Write what is newer than what is kept; tell the messages of which that is so."""
    columns = list(MessageEffect.__table__.columns)
    for some in chunks({message_id for message_id, _ in newest}):
        query = select(*columns).where(MessageEffect.message_id.in_(some))
        for row in session.execute(query):
            kept = dict(row._mapping)  # noqa: SLF001  its public name
            key = kept["message_id"], kept["kind"]
            if key in newest and _order(kept) >= _order(newest[key]):
                del newest[key]
    if newest:
        named = tuple_(MessageEffect.message_id, MessageEffect.kind)
        session.execute(delete(MessageEffect).where(named.in_(list(newest))))
        session.execute(insert(MessageEffect), list(newest.values()))
    return {message_id for message_id, _ in newest}
