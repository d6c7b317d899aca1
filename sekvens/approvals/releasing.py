"""Messages that wait for nobody any more, because their mode has changed: looked at again.

The mode was committed before. Whoever stops this in the middle may do it again; what is left is
looked at within a day in any case.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from sekvens.approvals.waiting import Which, messages
from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments.looks import owe_looks
from sekvens.enrollments.publish import pinned_flow
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import Mode
from sekvens.messages.tables import Message
from sekvens.modes.setting import by_hand

#: Enrollments owed their look in one transaction.
BATCH: Final = 200


def release(database: Database, clock: Clock, flow: str, *, a_second: float) -> int:
    """Owe a look to each message of a flow that need not be approved any more; tell how many.

    They are looked at at a pace of so many `a_second`, which outlasts this process.
    """
    begins, interval = clock.now(), timedelta(seconds=1 / a_second)
    with database.read() as session:
        whose = _waiting_in_vain(session, flow, clock)
    for done in range(0, len(whose), BATCH):
        first = max(clock.now(), begins + interval * done)
        with database.write() as session:
            owe_looks(session, whose[done : done + BATCH], now=first, interval=interval)
    return len(whose)


def _waiting_in_vain(session: Session, flow: str, clock: Clock) -> Sequence[str]:
    set_by_hand = by_hand(session, flow)
    waiting = messages(session, Which(flow=flow), now=clock.now())
    return [each.enrollment_id for each in waiting if not _is_manual(session, each, set_by_hand)]


def _is_manual(session: Session, message: Message, set_by_hand: Mapping[str, Mode]) -> bool:
    graph = pinned_flow(session, message.flow, message.flow_version).graph
    step = graph.steps.get(message.step_id)
    return mode_of(graph.flow, step, set_by_hand) is Mode.MANUAL
