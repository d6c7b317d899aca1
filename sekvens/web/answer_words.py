"""What the pages behind answer links say beside a question and its answers, in each language."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class AnswerWords:
    """The words of one language. `{n}` and `{of}` are filled in."""

    hint: str
    choose: str
    place: str
    button: str
    thanks: str
    yours: str
    review_hint: str
    review_button: str
    review_thanks: str


WORDS: Final = {
    "sv": AnswerWords(
        hint="Svaret är inte skickat än. Tryck på knappen när det stämmer.",
        choose="Välj ett svar och tryck på knappen.",
        place="Fråga {n} av {of}",
        button="Skicka svaret",
        thanks="Tack för ditt svar",
        yours="Du svarade:",
        review_hint="Betyget är sparat. Det du skriver läser vi innan någon annan gör det. Sedan "
        "kan det visas för andra kunder, med ditt förnamn och den första bokstaven i ditt "
        "efternamn.",
        review_button="Skicka omdömet",
        review_thanks="Tack för ditt omdöme. Vi läser det innan någon annan gör det.",
    ),
    "en": AnswerWords(
        hint="Your answer has not been sent yet. Press the button when it is right.",
        choose="Choose an answer and press the button.",
        place="Question {n} of {of}",
        button="Send my answer",
        thanks="Thank you for your answer",
        yours="You answered:",
        review_hint="Your rating is saved. We read what you write before anybody else does. After "
        "that it may be shown to other customers, with your first name and the first letter of "
        "your last name.",
        review_button="Send my review",
        review_thanks="Thank you for your review. We read it before anybody else does.",
    ),
}
