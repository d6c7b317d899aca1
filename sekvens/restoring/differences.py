"""What only one of database and Temporal knows, after one of them was restored.

Nobody may be at work meanwhile: what is on its way between the two looks like a difference.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio.client import Client

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.outcomes import InDoubt, Sent, Skipped
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.restoring.passages import (
    Executions,
    Passage,
    Turn,
    list_executions,
    read_passage,
)

#: Histories that are read at once.
READ_AT_ONCE = 16


class Kind(StrEnum):
    """Who knows what the other does not."""

    UNKNOWN_HERE = "unknown_here"  #: Temporal has an enrollment that the database has not
    NOBODY_HERE = "nobody_here"  #: … and the database has not even its contact
    SENT_THERE = "sent_there"  #: Temporal knows of messages that the ledger does not
    ENDED_THERE = "ended_there"  #: under way in the database, over in Temporal
    ENDED_HERE = "ended_here"  #: over in the database, under way in Temporal
    GONE_THERE = "gone_there"  #: under way in the database, and Temporal has none of it
    HEARD_THERE = "heard_there"  #: Temporal has had events that the database does not know
    UNHEARD_THERE = "unheard_there"  #: Temporal has lost events that it had been told


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference of one enrollment."""

    kind: Kind
    enrollment_id: str
    workflow_id: str
    executions: Executions | None = None  #: None: Temporal has none
    passage: Passage | None = None  #: what its histories say, where they were read

    @property
    def seq(self) -> int:
        """The newest delivery that Temporal has."""
        return self.passage.seq if self.passage is not None else 0


async def find_differences(database: Database, client: Client) -> list[Difference]:
    """Compare the two; nothing is changed.

    Raises:
        temporalio.service.RPCError: Temporal cannot be asked.
    """
    there = await list_executions(client)
    with database.read() as session:
        here = {row.id: row for row in session.scalars(select(Enrollment))}
    asked = [each for each in there.values() if _is_to_be_read(each, here.get(each.enrollment_id))]
    found = [_gone(row) for row in here.values() if row.id not in there and _is_begun(row)]
    for start in range(0, len(asked), READ_AT_ONCE):
        some = asked[start : start + READ_AT_ONCE]
        passages = await asyncio.gather(*(read_passage(client, each) for each in some))
        with database.read() as session:
            for executions, passage in zip(some, passages, strict=True):
                row = here.get(executions.enrollment_id)
                found += _compare(session, row, executions, passage)
    return found


def unknown_turns(session: Session, enrollment_id: str, passage: Passage) -> list[Turn]:
    """List what became of messages by Temporal's word, where the ledger has no end of them."""
    query = select(Message.step_id, Message.state).where(Message.enrollment_id == enrollment_id)
    over = (MessageState.ACCEPTED, MessageState.SKIPPED)
    known = {step_id for step_id, state in session.execute(query) if state in over}
    return [turn for turn in passage.turns if turn.order.step_id not in known and _is_told(turn)]


def _is_told(turn: Turn) -> bool:
    """Tell whether a ledger that lacks a message is to be told of this turn.

    Marketing in doubt may have arrived, and is at most once; order mail is at least once.
    """
    if isinstance(turn.outcome, InDoubt):
        return turn.order.purpose == Purpose.MARKETING
    return isinstance(turn.outcome, Sent | Skipped)


def _is_to_be_read(executions: Executions, row: Enrollment | None) -> bool:
    return row is None or executions.is_open or row.state != EnrollmentState.ENDED


def _is_begun(row: Enrollment) -> bool:
    """Tell whether Temporal had been given an enrollment that goes on."""
    return row.state != EnrollmentState.ENDED and row.delivered_seq >= 0


def _gone(row: Enrollment) -> Difference:
    return Difference(kind=Kind.GONE_THERE, enrollment_id=row.id, workflow_id=row.workflow_id)


def _compare(
    session: Session, row: Enrollment | None, executions: Executions, passage: Passage
) -> list[Difference]:
    return [
        Difference(
            kind=kind,
            enrollment_id=executions.enrollment_id,
            workflow_id=executions.workflow_id,
            executions=executions,
            passage=passage,
        )
        for kind in _kinds(session, row, executions, passage)
    ]


def _kinds(
    session: Session, row: Enrollment | None, executions: Executions, passage: Passage
) -> Iterator[Kind]:
    if row is None:
        contact = session.get(Contact, passage.pinned.contact_id)
        if contact is not None:
            yield Kind.UNKNOWN_HERE
        elif executions.is_open:
            yield Kind.NOBODY_HERE
        return
    if row.state == EnrollmentState.ENDED:
        yield Kind.ENDED_HERE
        return
    if unknown_turns(session, row.id, passage):
        yield Kind.SENT_THERE
    if not executions.is_open:
        yield Kind.ENDED_THERE
    elif passage.seq > row.last_seq:
        yield Kind.HEARD_THERE
    elif passage.seq < row.delivered_seq:
        yield Kind.UNHEARD_THERE


def sorted_by_kind(differences: Sequence[Difference]) -> dict[Kind, list[Difference]]:
    """Sort differences by their kind, in the order in which kinds are mended."""
    return {
        kind: some for kind in Kind if (some := [each for each in differences if each.kind is kind])
    }
