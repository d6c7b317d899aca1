"""Named points at which a process can be made to die, to freeze or to hang, for tests that do so.

Off unless `SEKVENS_FAULT_POINTS` is set; a service that has it says so in its log. It names points
and what happens there, separated by commas: `after_claim=kill`, and if it is to happen to some
contacts only, `after_claim=hang:30@<contact_id>+<contact_id>`. The names are for whoever proves our
promise (docs/how-to/prove-it.md), and stay.
"""

import logging
import os
import re
import signal
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from sekvens.errors import SettingsError

logger = logging.getLogger(__name__)

VARIABLE = "SEKVENS_FAULT_POINTS"

KILL, STOP, HANG = "kill", "stop", "hang"
_NUMBER = re.compile(r"(\d+(\.\d+)?)?")


class FaultPoint(StrEnum):
    """Where something can go wrong, in the order in which a message passes."""

    BEFORE_CLAIM = "before_claim"  #: the e-mail is made, its row not claimed
    AFTER_CLAIM = "after_claim"  #: the claim is committed, SES not called
    REQUEST_HALF_WRITTEN = "request_half_written"  #: half of the request's body is on its way
    REPLY_BEFORE_LEDGER = "reply_before_ledger"  #: SES has answered, the ledger does not know
    LEDGER_BEFORE_COMPLETION = "ledger_before_completion"  #: Temporal does not know
    RELAY_COMMITTED = "relay_committed"  #: deliveries are committed and leased, not signalled
    RELAY_SIGNALLED = "relay_signalled"  #: signalled, and not struck off
    FEEDBACK_RECEIVED = "feedback_received"  #: SES's events are received, and not committed
    MIDDLE_OF_MIGRATION = "middle_of_migration"  #: a revision is applied, and not committed


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens at a point."""

    kind: str  #: `kill`, `stop` (frozen until SIGCONT) or `hang`
    seconds: float = 0.0  #: how long it hangs
    about: frozenset[str] = frozenset()  #: only when these contacts' messages are there; empty: any


_faults: dict[FaultPoint, Fault] = {}
_whose: ContextVar[str] = ContextVar("whose", default="")


def read_faults(environ: Mapping[str, str]) -> dict[FaultPoint, Fault]:
    """Read which faults are switched on.

    Raises:
        SettingsError: there is no such point, or no such fault.
    """
    given = [item.strip() for item in environ.get(VARIABLE, "").split(",") if item.strip()]
    return dict(_fault(item) for item in given)


def reached(point: FaultPoint, about: str | None = None) -> None:
    """Tell that a message (of the contact `about`) is at a point; nothing happens unless told.

    A point that does not know whose message it is leaves `about` out: it is the one that this
    thread passed the point before with.
    """
    if not _faults:
        return
    if about is not None:
        _whose.set(about)
    fault = _faults.get(point)
    if fault is None or (fault.about and _whose.get() not in fault.about):
        return
    # Straight to the descriptor: a buffered line would die with the process.
    os.write(2, f"fault point {point}: {fault.kind} {_whose.get()}\n".encode())
    if fault.kind == HANG:
        time.sleep(fault.seconds)
    else:
        os.kill(os.getpid(), signal.SIGKILL if fault.kind == KILL else signal.SIGSTOP)


def is_armed(point: FaultPoint) -> bool:
    """Tell whether anything would ever happen at a point."""
    return point in _faults


def switch_on(environ: Mapping[str, str]) -> None:
    """Switch on what the environment names, and say so: nobody shall have it by accident.

    Raises:
        SettingsError: there is no such point, or no such fault.
    """
    _faults.clear()
    _faults.update(read_faults(environ))
    for point, fault in _faults.items():
        text = "fault point %s is switched on (%s), by " + VARIABLE
        logger.warning(text, point, fault.kind, extra={"action": "fault_point_armed"})


class Halves:
    """The body of a request, written in two halves with a fault point between them."""

    def __init__(self, body: bytes) -> None:
        middle = len(body) // 2
        self._left = [body[middle:], body[:middle]]

    def read(self, _size: int = -1) -> bytes:
        """Give the next half; empty when both are written."""
        if len(self._left) == 1:
            reached(FaultPoint.REQUEST_HALF_WRITTEN)
        return self._left.pop() if self._left else b""


def _fault(item: str) -> tuple[FaultPoint, Fault]:
    name, _, what = item.partition("=")
    what, _, about = what.partition("@")
    kind, _, seconds = what.partition(":")
    if name in list(FaultPoint) and kind in (KILL, STOP, HANG) and _NUMBER.fullmatch(seconds):
        whose = frozenset(filter(None, about.split("+")))
        return FaultPoint(name), Fault(kind=kind, seconds=float(seconds or 0), about=whose)
    raise SettingsError(
        f"{VARIABLE} has {item!r}: write <point>=kill, =stop or =hang:SECONDS, with "
        f"@<contact_id>+<contact_id> if you like; the points are {', '.join(FaultPoint)}"
    )
