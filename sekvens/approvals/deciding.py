"""A person's word on messages that wait: each may leave, or never will.

The word is committed first, together with the look that the relay owes the enrollment. The gate
reads it under the contact's lock: what has been bought or unsubscribed meanwhile goes before it.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sekvens.approvals.showing import order_of
from sekvens.approvals.tables import Approval
from sekvens.approvals.waiting import Which, messages
from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments.looks import owe_looks
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import ledger
from sekvens.messages.tables import Message, MessageState

logger = logging.getLogger(__name__)

#: Messages decided on in one transaction.
BATCH: Final = 100


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a person says of messages, who it is, and why."""

    is_approved: bool
    by: str
    note: str | None = None


class Decider:
    """Writes a person's word down, batch by batch; stopped anywhere, it may be said again."""

    def __init__(self, database: Database, clock: Clock, shop_time: ShopTime) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time

    def decide(
        self,
        which: Which,
        word: Word,
        *,
        limit: int | None,
        a_second: float,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Approve or reject messages that wait, the oldest first; tell how many.

        They are looked at again at a pace of so many `a_second`, which outlasts this process.
        """
        interval, begins, done = timedelta(seconds=1 / a_second), self._clock.now(), 0
        while limit is None or done < limit:
            batch = BATCH if limit is None else min(BATCH, limit - done)
            with self._database.write() as session:
                now = self._clock.now()
                found = messages(session, which, now=now, limit=batch)
                first = max(now, begins + interval * done)
                whose = [each.enrollment_id for each in found]
                # First, for it locks the enrollments in the order in which everybody does.
                owe_looks(session, whose, now=first, interval=interval)
                done += self._write(session, found, word, now)
            if progress is not None:
                progress(done)
            if len(found) < batch:
                break
        return done

    def _write(self, session: Session, found: Sequence[Message], word: Word, now: datetime) -> int:
        """Write the word down; tell of how many. What is on its way meanwhile is not rejected."""
        decided = found
        if not word.is_approved:
            shop_now = self._shop_time.at(now)
            decided = [each for each in found if _reject(session, each, shop_now)]
        _forget(session, [each.id for each in decided])
        session.add_all(
            Approval(
                message_id=message.id,
                template_digest=message.template_digest,
                is_approved=word.is_approved,
                by=word.by,
                note=word.note,
                at=now,
            )
            for message in decided
        )
        session.flush()
        _log(decided, word)
        return len(decided)


def _forget(session: Session, message_ids: Collection[str]) -> None:
    """Take back what was said of another text of theirs: the newest word counts."""
    session.execute(delete(Approval).where(Approval.message_id.in_(message_ids)))


def _reject(session: Session, message: Message, now: datetime) -> bool:
    """Skip a message for good, unless it is on its way; one in doubt may have arrived."""
    in_doubt = message.state == MessageState.DISPATCHING
    reason = SkipReason.OUTCOME_UNKNOWN if in_doubt else SkipReason.NOT_APPROVED
    return ledger.skipped(session, message, order_of(session, message, now=now), reason)


def _log(found: Sequence[Message], word: Word) -> None:
    for message in found:
        ids = {
            "message_id": message.id,
            "enrollment_id": message.enrollment_id,
            "contact_id": message.contact_id,
        }
        what = (message.flow, message.step_id)
        if word.is_approved:
            logger.info("%s/%s is approved", *what, extra={"action": "message_approved", **ids})
        else:
            logger.info("%s/%s is rejected", *what, extra={"action": "message_not_approved", **ids})
