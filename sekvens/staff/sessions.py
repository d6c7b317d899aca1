"""Sessions of the staff: a random id in a cookie, of which only the hash is kept.

A session ends after half an hour without a request, after twelve hours in any case, by logging out,
and with its account. All of it is wall time.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from sekvens.staff.tables import StaffMember, StaffSession

IDLE: Final = timedelta(minutes=30)
LASTS: Final = timedelta(hours=12)
#: A request in the same minute as the one before writes nothing.
_SEEN_EVERY: Final = timedelta(minutes=1)
_ID_BYTES: Final = 32
#: What an id of ours looks like, in characters.
ID_CHARACTERS: Final = 43


def new_session_id() -> str:
    """Make an id that nobody guesses: 256 bits."""
    return secrets.token_urlsafe(_ID_BYTES)


def begin(session: Session, member: StaffMember, *, now: datetime) -> str:
    """Begin a session under an id of its own, and forget those that are over; tells the id."""
    over = or_(StaffSession.seen_at <= now - IDLE, StaffSession.started_at <= now - LASTS)
    session.execute(delete(StaffSession).where(over))
    session_id = new_session_id()
    session.add(
        StaffSession(id_hash=_hash(session_id), name=member.name, started_at=now, seen_at=now)
    )
    return session_id


def whose(
    session: Session, session_id: str, *, now: datetime, keeps: bool = True
) -> StaffMember | None:
    """Tell who is logged in by this id, and keep them so; None: nobody, or not any more."""
    found = session.get(StaffSession, _hash(session_id))
    if found is None or now - found.seen_at >= IDLE or now - found.started_at >= LASTS:
        return None
    if keeps and now - found.seen_at >= _SEEN_EVERY:
        found.seen_at = now
    member = session.get(StaffMember, found.name)
    return member if member and member.disabled_at is None else None


def end(session: Session, session_id: str) -> None:
    """End a session."""
    session.execute(delete(StaffSession).where(StaffSession.id_hash == _hash(session_id)))


def form_token(session_id: str) -> str:
    """Tell what a form of this session carries, so that no other site can post it (CSRF)."""
    return hmac.new(session_id.encode(), b"sekvens/form/1", hashlib.sha256).hexdigest()


def is_form_token(session_id: str, given: str) -> bool:
    """Tell whether a form of this session was posted."""
    return hmac.compare_digest(form_token(session_id).encode(), given.encode("utf-8", "replace"))


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()
