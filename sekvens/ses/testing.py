"""An SES for tests, ours and our users': it records what it took, and fails on request.

It keeps the promises that the sender builds on: what it raises says whether it has the message, and
it takes nothing after the deadline.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP

from sekvens.errors import DispatchTooLate
from sekvens.ses.client import Quota


@dataclass(frozen=True, kw_only=True)
class TakenMessage:
    """One message as SES was given it."""

    ses_message_id: str
    sender: str
    recipient: str
    tags: Mapping[str, str]
    raw: bytes = field(repr=False)
    at: float  #: `time.monotonic()` seconds at which SES took it
    tracks_opens: bool = False

    @property
    def mail(self) -> EmailMessage:
        """Read the message as a mail program does."""
        return BytesParser(policy=SMTP).parsebytes(self.raw)


@dataclass(frozen=True)
class TakenThen:
    """SES takes the message, and the caller learns something else: a lost answer, its own death."""

    error: BaseException


#: What goes wrong with one call; None is a good call.
Fault = BaseException | TakenThen | None

NO_HINDRANCE = Quota(
    send_rate_max=1000.0,
    day_max=-1.0,
    sent_last_day=0.0,
    sending_enabled=True,
    production_access=True,
)


class FakeSes:
    """An SES in memory; threads may share it.

    Args:
        takes: how long a call takes before SES has the message.
    """

    def __init__(self, *, takes: timedelta = timedelta(0)) -> None:
        #: met in order, one a call
        self.faults: deque[Fault] = deque()
        #: called in the middle of each call, with its message id, before SES has the message
        self.during: Callable[[str], None] | None = None
        self.accepted: list[TakenMessage] = []
        #: what it tells of the account; an exception: it cannot be asked
        self.account: Quota | Exception = NO_HINDRANCE
        self._takes = takes.total_seconds()
        self._numbers = itertools.count(1)
        self._calls = 0
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """Tell how often SES was called, whatever came of it."""
        return self._calls

    def send(
        self, *, raw: bytes, sender: str, recipient: str, tags: Mapping[str, str], deadline: float,
        tracks_opens: bool = False,
    ) -> str:  # fmt: skip
        """Take one message, or do what the next fault says."""
        with self._lock:
            self._calls += 1
            fault = self.faults.popleft() if self.faults else None
        if self.during is not None:
            self.during(tags["message_id"])
        if time.monotonic() > deadline:
            raise DispatchTooLate
        if isinstance(fault, BaseException):
            raise fault
        time.sleep(self._takes)
        with self._lock:
            taken = TakenMessage(
                ses_message_id=f"fake-{next(self._numbers)}",
                sender=sender,
                recipient=recipient,
                tags=dict(tags),
                raw=raw,
                at=time.monotonic(),
                tracks_opens=tracks_opens,
            )
            self.accepted.append(taken)
        if isinstance(fault, TakenThen):
            raise fault.error
        return taken.ses_message_id

    def quota(self) -> Quota:
        """Tell what the account may send: a quota that hinders nobody, unless it is told else."""
        if isinstance(self.account, Exception):
            raise self.account
        return self.account

    def close(self) -> None:
        """Have nothing to close."""
