"""What the sign-up page says, in each language that pages are written in."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class SignUpWords:
    """The page's words in one language."""

    title: str
    intro: str
    email: str
    first_name: str
    optional: str
    trap: str
    button: str
    privacy: str
    asked: str
    asked_explanation: str
    nothing_came: str
    thanks: str
    thanks_explanation: str
    problems: dict[str, str]


WORDS: Final = {
    "sv": SignUpWords(
        title="Brev från {shop}",
        intro="Du får guiden ”{guide}” på köpet.",
        email="E-postadress",
        first_name="Förnamn",
        optional="valfritt",
        trap="Lämna det här fältet tomt",
        button="Skriv till mig",
        privacy="Så här tar vi hand om dina uppgifter",
        asked="Titta i inkorgen",
        asked_explanation="Vi har skickat ett brev dit. Tryck på knappen i det, så vet vi att "
        "adressen är din.",
        nothing_came="Kom det inget? Titta bland skräpposten, eller skriv till oss.",
        thanks="Tack. Då skriver vi till dig.",
        thanks_explanation="Det första brevet är på väg. Guiden finns här:",
        problems={
            "email": "Adressen ser inte ut att stämma. Titta på den en gång till.",
            "consent": "Kryssa i rutan, annars får vi inte skriva till dig.",
            "wording_version": "Formuläret är för gammalt. Ladda om sidan och försök igen.",
            "too_many": "Det kom för många anmälningar härifrån. Försök igen om en stund.",
        },
    ),
    "en": SignUpWords(
        title="Letters from {shop}",
        intro="The guide “{guide}” comes with them.",
        email="E-mail address",
        first_name="First name",
        optional="optional",
        trap="Leave this field empty",
        button="Write to me",
        privacy="How we look after what you tell us",
        asked="Look in your inbox",
        asked_explanation="We have sent a letter there. Press the button in it, and we know that "
        "the address is yours.",
        nothing_came="Nothing there? Look among the spam, or write to us.",
        thanks="Thank you. We shall write to you.",
        thanks_explanation="The first letter is on its way. The guide is here:",
        problems={
            "email": "The address does not look right. Please have another look at it.",
            "consent": "Please tick the box, or we may not write to you.",
            "wording_version": "This form is too old. Reload the page and try again.",
            "too_many": "Too many sign-ups came from here. Please try again in a while.",
        },
    ),
}
