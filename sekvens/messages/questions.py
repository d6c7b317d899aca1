"""The questions that an e-mail may ask, with their answers: one place for its buttons and the page.

A question's name and an answer's value are recorded in events (`Question Answered`) and signed into
links, so they never change; the words may.
"""

from collections.abc import Mapping
from typing import Final

from sekvens.messages.asking import Answer, Question
from sekvens.messages.quiz import QUIZ
from sekvens.next_best.refusals import NEVER, NOT_THIS
from sekvens.shop import Localized

#: Of a scale from 0 to 10, what promoters and passives say: the net promoter score's own limits.
PROMOTES_FROM: Final = 9
DETRACTS_UNTIL: Final = 6

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
    "sv": "Det var tråkigt att höra. Om du vill kan du berätta vad som hände.",
    "en": "We are sorry to hear that. If you like, tell us what happened.",
}
_SORRY: Final = {
    "sv": "Tack för att du berättade det. Svara på brevet om du vill ha hjälp, så ser vi vad vi "
    "kan göra.",
    "en": "Thank you for telling us. If you would like help, reply to the letter and we will see "
    "what we can do.",
}
_WENT_WRONG: Final = "what-went-wrong"


def _score(value: int) -> Answer:
    then = _GOOD if value >= PROMOTES_FROM else _FAIR if value > DETRACTS_UNTIL else _POOR
    return Answer(
        value=str(value),
        label={"sv": str(value), "en": str(value)},
        then=then,
        leads_to=_WENT_WRONG if value <= DETRACTS_UNTIL else None,
    )


def _wrong(value: str, label: Localized) -> Answer:
    return Answer(value=value, label=label, then=_SORRY)


def _stars(value: int, label: Localized) -> Answer:
    stars = "★" * value
    named = {locale: f"{stars} {text}" for locale, text in label.items()}
    then = {
        "sv": "Vill du skriva varför? Några rader räcker, och ta gärna med felen.",
        "en": "Would you like to say why? A few lines will do, and put the faults in too.",
    }
    return Answer(value=str(value), label=named, then=then)


_STILL_INTERESTED: Final = Question(
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
                "en": "We are glad. You will go on hearing from us when there is something to say.",
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
)

#: By the names that e-mails know them by.
QUESTIONS: Final[Mapping[str, Question]] = {
    "still-interested": _STILL_INTERESTED,
    "how-was-it": Question(
        text={"sv": "Hur blev det?", "en": "How was it?"},
        answers=tuple(_score(value) for value in range(11)),
        lowest={"sv": "0 är inte alls bra", "en": "0 is not good at all"},
        highest={"sv": "10 kunde inte vara bättre", "en": "10 could not be better"},
    ),
    "would-recommend": Question(
        text={
            "sv": "Hur troligt är det att du skulle rekommendera oss till en vän?",
            "en": "How likely is it that you would recommend us to a friend?",
        },
        answers=tuple(_score(value) for value in range(11)),
        lowest={"sv": "0 är inte alls troligt", "en": "0 is not at all likely"},
        highest={"sv": "10 är mycket troligt", "en": "10 is very likely"},
    ),
    _WENT_WRONG: Question(
        text={"sv": "Vad gick fel?", "en": "What went wrong?"},
        answers=(
            _wrong("size", {"sv": "Storleken", "en": "The size"}),
            _wrong("quality", {"sv": "Kvaliteten", "en": "The quality"}),
            _wrong("delivery", {"sv": "Leveransen", "en": "The delivery"}),
            _wrong("other", {"sv": "Något annat", "en": "Something else"}),
        ),
        own_words={
            "sv": "Vill du berätta mer? Det är frivilligt, och bara butiken läser det.",
            "en": "Would you like to say more? You need not, and only the shop reads it.",
        },
    ),
    "rating": Question(
        text={"sv": "Vilket betyg ger du?", "en": "How many stars would you give it?"},
        answers=(
            _stars(5, {"sv": "Utmärkt", "en": "Excellent"}),
            _stars(4, {"sv": "Bra", "en": "Good"}),
            _stars(3, {"sv": "Helt okej", "en": "Fair"}),
            _stars(2, {"sv": "Inte så bra", "en": "Not so good"}),
            _stars(1, {"sv": "Dåligt", "en": "Poor"}),
        ),
        own_words={"sv": "Ditt omdöme", "en": "Your review"},
        is_review=True,
    ),
    NOT_THIS: Question(
        text={"sv": "Ska vi föreslå den igen?", "en": "Shall we suggest it again?"},
        answers=(
            Answer(
                value=NEVER,
                label={"sv": "Nej, inte den", "en": "No, not this one"},
                then={
                    "sv": "Då slutar vi föreslå just den. Allt annat är som förut.",
                    "en": "Then we will stop suggesting this one. Everything else is as before.",
                },
            ),
            Answer(
                value="keep",
                label={"sv": "Jo, gärna", "en": "Yes, do"},
                then={
                    "sv": "Bra. Då kan den dyka upp igen när det är dags.",
                    "en": "Good. Then it may turn up again when it is time.",
                },
            ),
        ),
        is_refusal=True,
    ),
    **QUIZ,
}

#: The traits that answers become, each with the values that it may have.
TRAITS: Final[Mapping[str, frozenset[str]]] = {
    question.trait: frozenset(answer.value for answer in question.answers)
    for question in QUESTIONS.values()
    if question.trait
}
