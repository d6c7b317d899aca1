"""A person's word to many parked enrollments: by signal to each, at a bounded pace.

An enrollment that is no longer parked when its turn comes is left alone: somebody else may have
mended it, and `exit` would end it all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.enrollments.temporal import SignalOutcome
from sekvens.errors import NotDelivered, TemporalUnavailable

#: Signals a word to the workflow of this id.
Signaller = Callable[[str], Awaitable[SignalOutcome]]

NO_LONGER_PARKED = "it is parked no longer"
MISSING = "no workflow runs under this id, though the database says that it is parked"
NOT_TRIED = "not tried, for Temporal had stopped answering"


class Told(StrEnum):
    """What became of the word to one enrollment."""

    TOLD = "told"
    LEFT_ALONE = "left_alone"  #: it was parked no longer
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One enrollment, and what became of the word to it."""

    workflow_id: str
    told: Told
    why: str | None = None  #: why not


async def tell_parked(
    database: Database, parked: Sequence[Enrollment], signal: Signaller, *, a_second: float
) -> AsyncIterator[Answer]:
    """Tell each enrollment in turn, so many a second at the most."""
    gone = False
    for enrollment in parked:
        if gone:
            yield Answer(workflow_id=enrollment.workflow_id, told=Told.FAILED, why=NOT_TRIED)
            continue
        began = asyncio.get_running_loop().time()
        answer, gone = await _tell(database, enrollment, signal)
        yield answer
        took = asyncio.get_running_loop().time() - began
        await asyncio.sleep(max(0.0, 1 / a_second - took))


async def _tell(
    database: Database, enrollment: Enrollment, signal: Signaller
) -> tuple[Answer, bool]:
    """Tell one, and whether Temporal answers no longer."""
    told, why, gone = Told.TOLD, None, False
    if not await asyncio.to_thread(_is_parked, database, enrollment.id):
        told, why = Told.LEFT_ALONE, NO_LONGER_PARKED
    else:
        try:
            if await signal(enrollment.workflow_id) == SignalOutcome.MISSING:
                told, why = Told.FAILED, MISSING
        except NotDelivered as error:
            told, why, gone = Told.FAILED, str(error), isinstance(error, TemporalUnavailable)
    return Answer(workflow_id=enrollment.workflow_id, told=told, why=why), gone


def _is_parked(database: Database, enrollment_id: str) -> bool:
    with database.read() as session:
        row = session.get(Enrollment, enrollment_id)
        return row is not None and row.state == EnrollmentState.PARKED
