"""Actions: what changes something. Each first says what it would do and to how many, then asks.

A `GET` of `/staff/do/<name>` looks and changes nothing; only a `POST` from that very page acts. An
act stands in the log before it begins, and what came of it afterwards. What is handed out (all that
is held of a contact) is asked and logged in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.orm import Session
from starlette.responses import Response

from sekvens.staff.tables import Role
from sekvens.web.dashboard.asked import Asked, House


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """What an action would do."""

    says: str  #: a sentence in the reader's language, with the number in it
    count: int  #: of enrollments, messages or whatever it is done to


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The action cannot be carried out now."""

    says: str  #: why, and what to do


@dataclass(frozen=True, kw_only=True)
class HandedOut:
    """What an action did, where it hands a document to whoever acted."""

    says: str  #: for the log: ids and numbers alone
    document: Response


Look: TypeAlias = Callable[[House, Session, Asked], Prospect | Refused]
#: Carries an action out in transactions of its own, and says what it did.
Do: TypeAlias = Callable[[House, Asked], str | HandedOut]


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that the staff may do. Its words are those of a page (`words/<words>.toml`).

    There are two of its own: `do_<name>`, the button, and `ask_<name>`, the question; `-` is `_`.
    """

    name: str  #: in the address and in the log: never renamed
    words: str
    role: Role
    look: Look
    do: Do
    #: fields of the query that say what it is done to, each once or several times; they stand in
    #: the log, so ids only. What each is called there is in `words/audit.toml`: `on_<field>`
    on: tuple[str, ...] = ()
    #: fields that whoever acts fills in, by their labels' keys: `note`
    fields: tuple[str, ...] = ()

    def key(self, kind: str) -> str:
        """Name one of its own words: `do_<name>` or `ask_<name>`."""
        return f"{kind}_{self.name}".replace("-", "_")
