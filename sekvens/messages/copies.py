"""Copies: an e-mail's HTML part as it was handed to SES, for whoever opens it in a browser.

It is kept and not made again: made again, it would tell what has become of the contact since, to
anybody who was given the link. A copy goes when its time is over, or with the contact.
"""

import zlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.messages.tables import Message, MessageCopy, MessageState

#: Copies deleted in one statement.
BATCH: Final = 2_000
#: SES has the message, or may have it.
_OUT: Final = (MessageState.ACCEPTED, MessageState.DISPATCHING)


def packed(html: str) -> bytes:
    """Make the form in which a copy is kept: a sixth of the e-mail's size."""
    return zlib.compress(html.encode(), level=6)


def keep(session: Session, message_id: str, copy: bytes, *, now: datetime) -> None:
    """Keep a message's copy, in place of an earlier attempt's. `now` is wall time."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(MessageCopy)
        .values(message_id=message_id, html=copy, kept_at=now)
        .on_conflict_do_update(index_elements=["message_id"], set_={"html": copy, "kept_at": now})
    )


def copy_of(session: Session, message_id: str, *, now: datetime, kept_for: timedelta) -> str | None:
    """Read a copy; None if the message never left, or its time is over. `now` is wall time."""
    query = (
        select(MessageCopy.html)
        .join(Message, Message.id == MessageCopy.message_id)
        .where(
            MessageCopy.message_id == message_id,
            MessageCopy.kept_at > now - kept_for,
            Message.state.in_(_OUT),
        )
    )
    html = session.scalar(query)
    return None if html is None else zlib.decompress(html).decode()


def forget_old(session: Session, *, now: datetime, kept_for: timedelta) -> int:
    """Delete copies whose time is over, a batch of them; tell how many. `now` is wall time."""
    old = select(MessageCopy.message_id).where(MessageCopy.kept_at <= now - kept_for).limit(BATCH)
    ids = session.scalars(old).all()
    session.execute(delete(MessageCopy).where(MessageCopy.message_id.in_(ids)))
    return len(ids)


def forget_those_of(session: Session, contact_ids: Collection[str]) -> None:
    """Delete the copies of a person's messages."""
    own = select(Message.id).where(Message.contact_id.in_(contact_ids))
    session.execute(delete(MessageCopy).where(MessageCopy.message_id.in_(own)))
