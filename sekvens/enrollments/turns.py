"""Turns: what only one transaction may do at a time, until it ends.

On PostgreSQL a turn is an advisory lock of the transaction. On SQLite there is one writing
transaction at a time anyway.
"""

import zlib
from enum import IntEnum

from sqlalchemy import text
from sqlalchemy.orm import Session


class Turn(IntEnum):
    """First half of PostgreSQL's two-part advisory key; no other lock of ours may have the same."""

    EXPAND = 0x5ED  #: turn outbox entries into deliveries, in the order of the events
    ENROLL = 0x5EE  #: decide whether one contact enters a flow
    PUBLISH = 0x5EF  #: publish versions of one flow
    CLAIM = 0x5F0  #: claim one offer for one contact
    EDIT = 0x5F2  #: save or publish an edit of one text


def take_turn(session: Session, turn: Turn, subject: str = "") -> None:
    """Wait for a turn, and keep it until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        query = text("SELECT pg_advisory_xact_lock(:turn, :subject)")
        session.execute(query, {"turn": turn, "subject": _key(subject)})


def try_turn(session: Session, turn: Turn, subject: str = "") -> bool:
    """Take a turn if nobody has it; tell whether we have it now."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    query = text("SELECT pg_try_advisory_xact_lock(:turn, :subject)")
    return bool(session.scalar(query, {"turn": turn, "subject": _key(subject)}))


def _key(subject: str) -> int:
    return zlib.crc32(subject.encode()) - 2**31
