"""What logging in says, in each language that they are written in."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class StaffWords:
    """All of it in one language."""

    log_in: str
    name: str
    password: str
    enter: str
    wrong: str
    too_often: str
    stale: str


WORDS: Final = {
    "sv": StaffWords(
        log_in="Logga in",
        name="Namn",
        password="Lösenord",  # noqa: S106  a word, not one
        enter="Logga in",
        wrong="Namnet eller lösenordet stämmer inte.",
        too_often="Det har blivit för många försök. Vänta några minuter och pröva igen.",
        stale="Sidan hade legat för länge. Fyll i en gång till.",
    ),
    "en": StaffWords(
        log_in="Log in",
        name="Name",
        password="Password",  # noqa: S106  a word, not one
        enter="Log in",
        wrong="The name or the password is not right.",
        too_often="There have been too many attempts. Wait a few minutes and try again.",
        stale="The page had been open for too long. Please fill it in once more.",
    ),
}


def language_of(accepted: str, *, default: str) -> str:
    """Choose the language of a browser (`Accept-Language`), else the shop's, else English."""
    for part in [*accepted.lower().split(",")[:10], default]:
        language = part.partition(";")[0].strip().partition("-")[0]
        if language in WORDS:
            return language
    return "en"
