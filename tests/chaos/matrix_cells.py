"""The cells of the crash matrix: where a process dies or freezes, and under which stream.

The scale. DESIGN's inequality holds for these figures as for those of production, in seconds:

    grace > dispatch deadline + age of a signature + difference of clocks + delay of events
     1800 >         5         +        900         +         300          +       540
       14 >         5         +          3         +           1          +         4

The deadline is the product's own and not scaled; clocks are one machine's, but a signature counts
whole seconds. An event's delay is four times for how long a dead reader hides it, as settings ask.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sekvens.fault_points import FaultPoint
from sekvens.flows.steps import Purpose
from tests.chaos.scale import LONG, pick

GRACE_SECONDS: Final = 14
SCALED: Final = {
    "SES__CONCURRENCY": "80",  # so many messages stand at their points at once
    "SENDING__ATTEMPT_SECONDS": "5",
    "FEEDBACK__WAIT_SECONDS": "1",
    "FEEDBACK__VISIBILITY_SECONDS": "1",
    "FEEDBACK__EVENT_DELAY_SECONDS": "4",
    "FEEDBACK__PROBE_SECONDS": "1",
    # Not scaled while the stream lives: a busy machine must not make it look silent.
    "SENDING__RESEND_SECONDS": "1200",
    "FEEDBACK__SILENCE_SECONDS": "1000",
}
SILENCE_SECONDS: Final = 10
#: Of a worker that is to find the stream silent.
IMPATIENT: Final = {
    "SEKVENS_SENDING__RESEND_SECONDS": "30",
    "SEKVENS_FEEDBACK__SILENCE_SECONDS": str(SILENCE_SECONDS),
}
SIGNATURE_SECONDS: Final = 3
#: Days pass as they do: no second e-mail of a flow comes while the test runs.
DAY_SECONDS: Final = 86_400.0
#: How long a message stands at its point, for the kill or the freeze to meet it there.
STANDS_SECONDS: Final = 600
FROZEN_SECONDS: Final = 30  #: … longer than the grace
ENDED_SECONDS: Final = 600.0

ROUNDS: Final = pick(short=1, long=4)
CONTACTS: Final = pick(short=1, long=3)  #: of each cell, in each round

#: SES has taken the message and says nothing: a fault of the local SES, not of ours.
BEFORE_REPLY: Final = "accepted_before_reply"
RELAY_POINTS: Final = (FaultPoint.RELAY_COMMITTED, FaultPoint.RELAY_SIGNALLED)
#: Points that a message's own thread passes.
SENDER_POINTS: Final = (
    FaultPoint.BEFORE_CLAIM,
    FaultPoint.AFTER_CLAIM,
    FaultPoint.REQUEST_HALF_WRITTEN,
    FaultPoint.REPLY_BEFORE_LEDGER,
    FaultPoint.LEDGER_BEFORE_COMPLETION,
)
#: Frozen before the request is signed, and after.
FROZEN_POINTS: Final = (FaultPoint.AFTER_CLAIM, FaultPoint.REQUEST_HALF_WRITTEN)
#: SES certainly has it not; SES has it, and nobody knows.
SILENT_POINTS: Final = pick(
    short=(FaultPoint.AFTER_CLAIM, BEFORE_REPLY),
    long=(*SENDER_POINTS, BEFORE_REPLY),
)

DUE: Final = {
    Purpose.MARKETING: ("welcome", "hello"),
    Purpose.TRANSACTIONAL: ("order-updates", "order-confirmation"),
}


class Fate(StrEnum):
    """What happens to the process."""

    KILLED = "killed"  #: kill -9
    FROZEN = "frozen"  #: SIGSTOP past the grace, then SIGCONT
    ALONE = "killed and not replaced"  #: until the grace and the silence are over


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: where, what happens there, to which kind of mail, under which stream of events."""

    point: str
    purpose: Purpose
    fate: Fate = Fate.KILLED
    stream_is_alive: bool = True

    def __str__(self) -> str:
        stream = "living" if self.stream_is_alive else "silent"
        return f"{self.fate} at {self.point}, {self.purpose}, {stream} stream"


def _cells(points: Iterable[str], **more: Any) -> list[Cell]:
    return [Cell(point=str(point), purpose=purpose, **more) for point in points for purpose in DUE]


RELAY_CELLS: Final = _cells(RELAY_POINTS)
FEEDBACK_CELLS: Final = _cells([FaultPoint.FEEDBACK_RECEIVED])
SENDER_CELLS: Final = _cells(SENDER_POINTS)
REPLY_CELLS: Final = _cells([BEFORE_REPLY])
FROZEN_CELLS: Final = _cells(FROZEN_POINTS, fate=Fate.FROZEN)
ALONE_CELLS: Final = _cells([FaultPoint.AFTER_CLAIM], fate=Fate.ALONE) if LONG else []
SILENT_CELLS: Final = _cells(SILENT_POINTS, stream_is_alive=False)
CELLS: Final = [
    *RELAY_CELLS, *FEEDBACK_CELLS, *SENDER_CELLS, *REPLY_CELLS, *FROZEN_CELLS, *ALONE_CELLS,
    *SILENT_CELLS,
]  # fmt: skip
