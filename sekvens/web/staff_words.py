"""What the staff pages say, in each language that they are written in."""

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
    log_out: str
    logged_in_as: str
    title: str
    all_is_well: str
    parked: str
    parked_hint: str
    held: str
    held_hint: str
    reviews: str
    reviews_hint: str
    flow: str
    step: str
    reason: str
    number: str
    since: str
    in_doubt: str
    about_to_be_tried: str
    roles: dict[str, str]


WORDS: Final = {
    "sv": StaffWords(
        log_in="Logga in",
        name="Namn",
        password="Lösenord",  # noqa: S106  a word, not one
        enter="Logga in",
        wrong="Namnet eller lösenordet stämmer inte.",
        too_often="Det har blivit för många försök. Vänta några minuter och pröva igen.",
        stale="Sidan hade legat för länge. Fyll i en gång till.",
        log_out="Logga ut",
        logged_in_as="Inloggad som",
        title="Det här väntar på en människa",
        all_is_well="Ingenting väntar. Allt sköter sig självt.",
        parked="Parkerade",
        parked_hint="Kontakter som står stilla tills någon ser efter: starter.py parked",
        held="Brev om beställningar som hålls",
        held_hint="De går iväg när orsaken är borta: starter.py status",
        reviews="Omdömen att läsa",
        reviews_hint="Ingen ser dem förrän de är godkända: starter.py reviews list --pending",
        flow="Flöde",
        step="Steg",
        reason="Orsak",
        number="Antal",
        since="Sedan",
        in_doubt="ovisst: SES svarade inte",
        about_to_be_tried="ska strax försökas",
        roles={"viewer": "läsare", "editor": "redaktör", "operator": "driftansvarig"},
    ),
    "en": StaffWords(
        log_in="Log in",
        name="Name",
        password="Password",  # noqa: S106  a word, not one
        enter="Log in",
        wrong="The name or the password is not right.",
        too_often="There have been too many attempts. Wait a few minutes and try again.",
        stale="The page had been open for too long. Please fill it in once more.",
        log_out="Log out",
        logged_in_as="Logged in as",
        title="This waits for a person",
        all_is_well="Nothing waits. Everything looks after itself.",
        parked="Parked",
        parked_hint="Enrollments that stand still until somebody looks: starter.py parked",
        held="Order mail that is held",
        held_hint="It goes out once the reason is gone: starter.py status",
        reviews="Reviews to read",
        reviews_hint="Nobody sees them until they are approved: starter.py reviews list --pending",
        flow="Flow",
        step="Step",
        reason="Reason",
        number="Number",
        since="Since",
        in_doubt="in doubt: SES did not answer",
        about_to_be_tried="about to be tried",
        roles={"viewer": "viewer", "editor": "editor", "operator": "operator"},
    ),
}


def language_of(accepted: str, *, default: str) -> str:
    """Choose the language of a browser (`Accept-Language`), else the shop's, else English."""
    for part in [*accepted.lower().split(",")[:10], default]:
        language = part.partition(";")[0].strip().partition("-")[0]
        if language in WORDS:
            return language
    return "en"
