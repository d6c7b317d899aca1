"""The answer links of e-mails: looking shows the answer chosen, pressing the button gives it.

Mail scanners follow every link, so GET never commits. POST answers once the fact is committed and
no e-mail to the contact is on its way any more. An answer is recorded once for each message and
question; whoever changes it on the page has said something new, and that is another fact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.events.ingest import record_fact
from sekvens.events.schema import QUESTION_ANSWERED
from sekvens.events.tables import ContactEvent
from sekvens.messages.links import AnswerLink, read_answer_link
from sekvens.messages.questions import QUESTIONS, Answer, Question
from sekvens.messages.tables import Message
from sekvens.settings import Settings
from sekvens.web.link_pages import LinkPages, link_responses

#: The page posts `answer=…` and nothing else.
BODY_BYTES_MAX: Final = 1024
#: Nobody changes their mind as often; whatever does is no person.
CHANGES_MAX: Final = 10


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the pages say beside the question and its answers, in one language."""

    hint: str
    button: str
    thanks: str
    yours: str


_WORDS: Final = {
    "sv": _Words(
        hint="Svaret är inte skickat än. Tryck på knappen när det stämmer.",
        button="Skicka svaret",
        thanks="Tack för ditt svar",
        yours="Du svarade:",
    ),
    "en": _Words(
        hint="Your answer has not been sent yet. Press the button when it is right.",
        button="Send my answer",
        thanks="Thank you for your answer",
        yours="You answered:",
    ),
}


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """A link of ours, with what it asks and the answer chosen."""

    link: AnswerLink
    question: Question
    answer: Answer


class Answers:
    """Serves the answer links."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._shop_time = settings.shop_time()

    def router(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter(tags=["Links"])
        router.get(
            "/a/{token}",
            summary="A question of an e-mail, with the answer chosen",
            description="Changes nothing, because mail scanners follow every link.",
            operation_id="ask_answer",
            responses=link_responses("The question, its answers and a button"),
            response_model=None,
        )(self._ask)
        router.post(
            "/a/{token}",
            summary="Answer a question of an e-mail",
            description="By the page's button, with the form field `answer`.",
            operation_id="answer",
            responses=link_responses("The answer is recorded"),
            response_model=None,
        )(self._give)
        return router

    async def _ask(self, request: Request, token: str) -> Response:
        return await self._pages.answer(request, self._chosen(token), self._look)

    async def _give(self, request: Request, token: str) -> Response:
        posted = await _posted_answer(request)
        return await self._pages.answer(request, self._chosen(token, posted), self._record)

    def _chosen(self, token: str, posted: str | None = None) -> _Chosen | None:
        """Read a link; what was posted counts over it, if it is an answer to the question."""
        link = read_answer_link(self._settings.api, token)
        question = QUESTIONS.get(link.question) if link else None
        if link is None or question is None:
            return None
        answer = question.answer(posted or "") or question.answer(link.answer)
        return _Chosen(link=link, question=question, answer=answer) if answer else None

    def _look(self, chosen: _Chosen) -> Response:
        with self._database.read() as session:
            contact = session.get(Contact, chosen.link.contact_id)
        return self._page("question", contact, chosen)

    def _record(self, chosen: _Chosen) -> Response:
        try:
            contact = self._store(chosen)
        except IntegrityError:
            # Two presses at one instant: the other one is stored now, and counts.
            contact = self._store(chosen)
        whose = {contact.id, chosen.link.contact_id} if contact else ()
        wait_for_senders(self._database, whose, clock=self._clock)
        return self._page("done", contact, chosen)

    def _store(self, chosen: _Chosen) -> Contact | None:
        """Record the answer unless it is the present one; None: there is no such contact."""
        link, now = chosen.link, self._clock.now()
        with self._database.write() as session:
            contact_id = canonical_id(session, link.contact_id)
            given = _given(session, contact_id, link)
            changes = len(given)
            if (given and given[-1] == chosen.answer.value) or changes > CHANGES_MAX:
                return session.get(Contact, contact_id)
            message = session.get(Message, link.message_id)
            suffix = f"/{changes}" if changes else ""
            record_fact(
                session,
                contact_id=contact_id,
                name=QUESTION_ANSWERED,
                message_id=f"answer/{link.message_id}/{link.question}{suffix}",
                properties={
                    "question": link.question,
                    "answer": chosen.answer.value,
                    "flow": message.flow if message else None,
                    "step": message.step_id if message else None,
                    "email_id": link.message_id,
                },
                occurred_at=self._shop_time.at(now),
                now=now,
            )
            return session.get(Contact, contact_id)

    def _page(self, stage: str, contact: Contact | None, chosen: _Chosen) -> Response:
        return self._pages.show(
            "answer.html",
            contact,
            stage=stage,
            question=chosen.question,
            chosen=chosen.answer,
            words=_WORDS[self._pages.language_of(contact)],
        )


def _given(session: Session, contact_id: str, link: AnswerLink) -> Sequence[str]:
    """List the answers given by this message's links to this question, oldest first."""
    query = select(ContactEvent.properties).where(
        ContactEvent.contact_id == contact_id, ContactEvent.name == QUESTION_ANSWERED
    )
    return [
        properties["answer"]
        for properties in session.scalars(query.order_by(ContactEvent.id))
        if properties.get("email_id") == link.message_id
        and properties.get("question") == link.question
    ]


async def _posted_answer(request: Request) -> str | None:
    """Tell what the form said; None if it said nothing, or was none of ours."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            return None
    fields = parse_qs(body.decode("ascii", "replace"))
    return fields.get("answer", [None])[0]
