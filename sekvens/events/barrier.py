"""The barrier: a reply waits for any e-mail of the same contact that is on its way to SES.

The facts are committed before. A sender that takes the lock afterwards reads them; one that holds
it already is waited for. So once we have replied, SES accepts no message that the facts forbid,
except when a lock cannot be had in time: that is an overlap, and recorded.
"""

import logging
import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, bindparam, or_, select
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.errors import LockTimeout
from sekvens.events.facts import look_up
from sekvens.messages import ledger
from sekvens.messages.tables import Message, MessageState

#: For the whole batch: a client waits for its reply meanwhile.
TIMEOUT: Final = timedelta(seconds=2)

_IDS: Final[BindParameter[Any]] = bindparam("ids", expanding=True)
_IN_DISPATCH: Final = (
    select(Message.contact_id, Contact.merged_into)
    .join(Contact, Contact.id == Message.contact_id)
    .where(
        or_(
            Message.contact_id.in_(_IDS),
            Message.contact_id.in_(select(Contact.id).where(Contact.merged_into.in_(_IDS))),
        ),
        Message.state == MessageState.DISPATCHING,
    )
)

_log = logging.getLogger(__name__)


def wait_for_senders(
    database: Database,
    contact_ids: Collection[str],
    *,
    clock: Clock,
    timeout: timedelta | None = None,
) -> bool:
    """Wait until no e-mail to these contacts is on its way. Call it after the commit.

    Returns:
        False if a lock could not be had within `timeout` (else `TIMEOUT`): an overlap, recorded.
    """
    with database.read() as session:
        sending = in_dispatch(session, contact_ids)
    locks = frozenset().union(*sending)
    return pass_through(database, locks, clock=clock, timeout=timeout)


def in_dispatch(session: Session, contact_ids: Collection[str]) -> set[frozenset[str]]:
    """Tell which locks senders may hold: for each message in dispatch, the ids of its contact.

    There are two where a message's enrollment began before a merge: it carries the id of the one
    merged away, and its sender may hold either lock.
    """
    rows = look_up(session, _IN_DISPATCH, set(contact_ids))
    return {frozenset(name for name in row if name) for row in rows}


def pass_through(
    database: Database,
    contact_ids: Collection[str],
    *,
    clock: Clock,
    timeout: timedelta | None = None,
) -> bool:
    """Take and leave each lock in turn, sorted, so that whoever held it has finished.

    Returns:
        False if one could not be had within `timeout` (else `TIMEOUT`). Whatever is still leaving
        then is recorded as an overlap before anybody is told that the facts are known.
    """
    timeout = TIMEOUT if timeout is None else timeout
    deadline = time.monotonic() + timeout.total_seconds()
    held: list[str] = []
    for contact_id in sorted(contact_ids):
        left = timedelta(seconds=max(0.001, deadline - time.monotonic()))
        try:
            with database.locks.hold(contact_id, timeout=left):
                pass
        except LockTimeout:
            held.append(contact_id)
    if held:
        _record(database, held, clock=clock, timeout=timeout)
    return not held


def _record(
    database: Database, contact_ids: Collection[str], *, clock: Clock, timeout: timedelta
) -> None:
    with database.write() as session:
        message_ids = ledger.overlapped(session, contact_ids, now=clock.now())
    for contact_id in contact_ids:
        _log.warning(
            "a message to contact %s was still on its way %g s after its facts had changed",
            contact_id,
            timeout.total_seconds(),
            extra={
                "action": "send_overlapped",
                "contact_id": contact_id,
                "message_ids": message_ids,
            },
        )
