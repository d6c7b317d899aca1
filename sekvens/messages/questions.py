"""The questions that an e-mail may ask, with their answers: one place for its buttons and the page.

A question's name and an answer's value are recorded in events (`Question Answered`) and signed into
links, so they never change; the words may.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sekvens.shop import Localized


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer that may be chosen."""

    value: str  #: as recorded: `yes`, `7`
    label: Localized  #: on its button
    then: Localized  #: what happens now: said on the page once it is given


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question with its answers, in the order in which they are shown."""

    text: Localized
    answers: tuple[Answer, ...]
    #: what the ends of a scale mean; empty where each answer speaks for itself
    lowest: Localized = field(default_factory=dict)
    highest: Localized = field(default_factory=dict)

    def answer(self, value: str) -> Answer | None:
        """Find an answer by what it is recorded as; None if the question has no such answer."""
        return next((answer for answer in self.answers if answer.value == value), None)


_GOOD: Final = {
    "sv": "Vad roligt att höra. Tack för att du berättade det.",
    "en": "How good to hear. Thank you for telling us.",
}
_FAIR: Final = {
    "sv": "Tack. Vill du säga vad som hade kunnat vara bättre, så svara gärna på brevet.",
    "en": "Thank you. If you would like to say what could have been better, just reply to the "
    "letter.",
}
_POOR: Final = {
    "sv": "Det var tråkigt att höra. Vill du att vi ordnar något, så svara på brevet med några "
    "rader om vad som hände.",
    "en": "We are sorry to hear that. If there is something that we can put right, reply to the "
    "letter with a few lines about what happened.",
}
_SORRY: Final = {
    "sv": "Tack för att du berättade det. Svara på brevet om du vill ha hjälp, så ser vi vad vi "
    "kan göra.",
    "en": "Thank you for telling us. If you would like help, reply to the letter and we will see "
    "what we can do.",
}


def _score(value: int) -> Answer:
    then = _GOOD if value > 8 else _FAIR if value > 6 else _POOR
    return Answer(value=str(value), label={"sv": str(value), "en": str(value)}, then=then)


#: By the names that e-mails know them by.
QUESTIONS: Final[Mapping[str, Question]] = {
    "still-interested": Question(
        text={
            "sv": "Vill du fortfarande höra av oss?",
            "en": "Would you still like to hear from us?",
        },
        answers=(
            Answer(
                value="yes",
                label={"sv": "Ja, gärna", "en": "Yes, please"},
                then={
                    "sv": "Vad roligt. Då fortsätter vi att höra av oss när vi har något att säga.",
                    "en": "We are glad. You will go on hearing from us when there is something to "
                    "say.",
                },
            ),
            Answer(
                value="no",
                label={"sv": "Nej, inte just nu", "en": "No, not just now"},
                then={
                    "sv": "Det förstår vi. Vi säger hej då och låter dig vara i fred en tid. Brev "
                    "om beställningar som du gör kommer förstås ändå fram.",
                    "en": "We understand. We will say goodbye and leave you in peace for a while. "
                    "Messages about orders that you place still reach you, of course.",
                },
            ),
        ),
    ),
    "how-was-it": Question(
        text={"sv": "Hur blev det?", "en": "How was it?"},
        answers=tuple(_score(value) for value in range(11)),
        lowest={"sv": "0 är inte alls bra", "en": "0 is not good at all"},
        highest={"sv": "10 kunde inte vara bättre", "en": "10 could not be better"},
    ),
    "what-went-wrong": Question(
        text={"sv": "Vad gick fel?", "en": "What went wrong?"},
        answers=(
            Answer(value="size", label={"sv": "Storleken", "en": "The size"}, then=_SORRY),
            Answer(value="quality", label={"sv": "Kvaliteten", "en": "The quality"}, then=_SORRY),
            Answer(value="delivery", label={"sv": "Leveransen", "en": "The delivery"}, then=_SORRY),
            Answer(value="other", label={"sv": "Något annat", "en": "Something else"}, then=_SORRY),
        ),
    ),
}
