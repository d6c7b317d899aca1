"""The answer links of e-mails: looking shows the answer chosen, pressing the button gives it.

Mail scanners follow every link, so GET never commits. POST answers once the fact is committed and
no e-mail to the contact is on its way any more. An answer is recorded once for each message and
question; whoever changes it on the page has said something new, and that is another fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from sekvens.answers.recording import (
    WORDS_LENGTH_MAX,
    Given,
    clean_words,
    record_answer,
    record_review,
)
from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.messages.asking import Answer, Question
from sekvens.messages.links import AnswerLink, answer_token, read_answer_link
from sekvens.messages.questions import QUESTIONS
from sekvens.reviews.reading import TEXT_LENGTH_MAX
from sekvens.settings import Settings
from sekvens.web.answer_words import WORDS
from sekvens.web.bodies import body_of
from sekvens.web.link_pages import LinkPages, LinkRoute, link_router
from sekvens.web.openapi import page_response

#: The page posts an answer and a text of so many letters: a letter is twelve of these at the most.
BODY_BYTES_MAX: Final = 13 * TEXT_LENGTH_MAX
FIELDS_MAX: Final = 10


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """A link of ours, with what it asks, the answer chosen, and the contact's own words."""

    link: AnswerLink
    question: Question
    answer: Answer | None  #: None: none is chosen yet
    words: str = ""

    @property
    def reviewed_id(self) -> str | None:
        """The product whose review the words are."""
        return self.link.product_id if self.question.is_review else None

    @property
    def words_length_max(self) -> int:
        """How much the contact may write."""
        return TEXT_LENGTH_MAX if self.question.is_review else WORDS_LENGTH_MAX


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
        return link_router(
            "/a/{token}",
            looks=LinkRoute(
                endpoint=self._ask,
                operation_id="ask_answer",
                summary="A question of an e-mail, with the answer chosen",
                reply="The question, its answers and a button",
            ),
            acts=LinkRoute(
                endpoint=self._give,
                operation_id="answer",
                summary="Answer a question of an e-mail",
                description="By the page's button, with the form field `answer`, and `words` for "
                "what the contact says in their own. The page may ask the next question.",
                reply="The answer is recorded",
                responses={422: page_response("No answer was chosen: the question, asked again")},
            ),
        )

    async def _ask(self, request: Request, token: str) -> Response:
        return await self._pages.answer(request, self._chosen(token, {}), self._look)

    async def _give(self, request: Request, token: str) -> Response:
        chosen = self._chosen(token, await _posted(request))
        return await self._pages.answer(request, chosen, self._record)

    def _chosen(self, token: str, posted: Mapping[str, str]) -> _Chosen | None:
        """Read a link; what was posted counts over it, if it is an answer to the question."""
        link = read_answer_link(self._settings.api, token)
        question = QUESTIONS.get(link.question) if link else None
        if link is None or question is None:
            return None
        answer = question.answer(posted.get("answer", "")) or question.answer(link.answer)
        if link.answer and answer is None:
            return None
        chosen = _Chosen(link=link, question=question, answer=answer)
        if not question.own_words:
            return chosen
        words = clean_words(posted.get("words", ""), length_max=chosen.words_length_max)
        return replace(chosen, words=words)

    def _look(self, chosen: _Chosen) -> Response:
        return self._page("question", self._contact(chosen), chosen)

    def _record(self, chosen: _Chosen) -> Response:
        if chosen.answer is None:
            return self._page("question", self._contact(chosen), chosen, status=422)
        try:
            contact = self._store(chosen, chosen.answer)
        except IntegrityError:
            # Two presses at one instant: the other one is stored now, and counts.
            contact = self._store(chosen, chosen.answer)
        whose = {contact.id, chosen.link.contact_id} if contact else ()
        wait_for_senders(self._database, whose, clock=self._clock)
        asks_for_words = bool(chosen.reviewed_id) and not chosen.words
        return self._page("review" if asks_for_words else "done", contact, chosen)

    def _contact(self, chosen: _Chosen) -> Contact | None:
        with self._database.read() as session:
            return session.get(Contact, chosen.link.contact_id)

    def _store(self, chosen: _Chosen, answer: Answer) -> Contact | None:
        """Record what was given; None: there is no such contact."""
        link, now = chosen.link, self._clock.now()
        times: Any = {"occurred_at": self._shop_time.at(now), "now": now}
        given = Given(answer=answer.value, words=chosen.words)
        with self._database.write() as session:
            whose = canonical_id(session, link.contact_id)
            if chosen.question.is_review:
                # The words of a review stand in the review alone.
                record_answer(session, link, Given(answer=answer.value), contact_id=whose, **times)
                record_review(session, link, given, contact_id=whose, **times)
            else:
                record_answer(session, link, given, contact_id=whose, **times)
            return session.get(Contact, whose)

    def _page(
        self, stage: str, contact: Contact | None, chosen: _Chosen, *, status: int = 200
    ) -> Response:
        return self._pages.show(
            "answer.html",
            contact,
            status=status,
            stage=stage,
            question=chosen.question,
            chosen=chosen.answer,
            following=self._following(chosen) if stage == "done" else None,
            words_length_max=chosen.words_length_max,
            reviewed=bool(chosen.words) and chosen.question.is_review,
            words=WORDS[self._pages.language_of(contact)],
        )

    def _following(self, chosen: _Chosen) -> tuple[Question, str] | None:
        """Tell the question that the page asks next, and the token to answer it by."""
        if chosen.answer is None or chosen.answer.leads_to is None:
            return None
        named = chosen.answer.leads_to
        link = replace(chosen.link, question=named, answer="", product_id=None)
        return QUESTIONS[named], answer_token(self._settings.api, link)


async def _posted(request: Request) -> dict[str, str]:
    """Tell what the form said; nothing if it was none of ours."""
    body = await body_of(request, bytes_max=BODY_BYTES_MAX) or b""
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}
