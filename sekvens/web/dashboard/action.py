"""Actions: what changes something. Each first says what it would do and to how many, then asks.

A `GET` of `/staff/do/<name>` looks and changes nothing; only a `POST` from that very page acts. An
act stands in the log before it begins, and what came of it afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.orm import Session

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


Look: TypeAlias = Callable[[House, Session, Asked], Prospect | Refused]
#: Carries an action out in transactions of its own, and says what it did.
Do: TypeAlias = Callable[[House, Asked], str]


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
    #: fields of the query that say what it is done to; they stand in the log, so ids only
    on: tuple[str, ...] = ()
    #: fields that whoever acts fills in, by their labels' keys: `note`
    fields: tuple[str, ...] = ()
