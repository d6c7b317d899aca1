"""Faults on request: what goes wrong with the next messages, and when in the exchange.

A fault is armed for a number of messages, to anyone or to one recipient; the first armed is the
first used up. Whether the log has the message afterwards is what a fault's name says.
"""

import asyncio
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: Set in a request's state while nothing will answer it; the server breaks it when it stops.
HANGS = "hangs"


class FaultMode(StrEnum):
    """What goes wrong."""

    THROTTLE = "throttle"  #: 429 TooManyRequestsException
    REJECT = "reject"  #: 400 MessageRejected
    PAUSE = "pause"  #: 400 SendingPausedException
    SUSPEND = "suspend"  #: 400 AccountSuspendedException
    CREDENTIALS = "credentials"  #: 403 InvalidClientTokenId
    UNAVAILABLE = "unavailable"  #: 503 ServiceUnavailable
    ERROR_AFTER_ACCEPT = "error_after_accept"  #: accepted, then 500
    HANG = "hang"  #: read, not accepted, never answered
    HANG_AFTER_ACCEPT = "hang_after_accept"  #: accepted, never answered
    RESET_BEFORE_ACCEPT = "reset_before_accept"  #: the connection breaks, not accepted
    RESET_AFTER_ACCEPT = "reset_after_accept"  #: accepted, then the connection breaks
    TRUNCATE = "truncate"  #: accepted, 200, and half of the answer's body
    DELAY = "delay"  #: accepted and answered late, by the fault's `milliseconds`


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One armed fault."""

    mode: FaultMode
    #: how many messages it still hits; None: every one until faults are cleared
    count: int | None = 1
    #: only messages to this address; empty: to anyone
    recipient: str = ""
    #: how late a `delay` is; the other modes have none
    milliseconds: int = 0


class Faults:
    """The armed faults; any thread may arm them."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._lock = threading.Lock()

    def arm(
        self, mode: str, *, count: int | None = 1, recipient: str = "", milliseconds: int = 0
    ) -> Fault:
        """Arm a fault.

        Raises:
            ValueError: there is no such mode, the count is below 1, or `milliseconds` are given to
                anything but a delay, or none to a delay.
        """
        if count is not None and count < 1:
            raise ValueError(f"a fault hits at least one message, not {count}")
        if (milliseconds > 0) != (mode == FaultMode.DELAY) or milliseconds < 0:
            raise ValueError("a delay has milliseconds, and nothing else has")
        fault = Fault(
            mode=FaultMode(mode),
            count=count,
            recipient=recipient.lower(),
            milliseconds=milliseconds,
        )
        with self._lock:
            self._armed.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm all."""
        with self._lock:
            self._armed.clear()

    def armed(self) -> list[Fault]:
        """List the armed faults."""
        with self._lock:
            return list(self._armed)

    def take(self, recipients: tuple[str, ...]) -> Fault | None:
        """Use the first fault that hits a message to these recipients."""
        addresses = {recipient.lower() for recipient in recipients}
        with self._lock:
            for index, fault in enumerate(self._armed):
                if fault.recipient and fault.recipient not in addresses:
                    continue
                if fault.count == 1:
                    del self._armed[index]
                elif fault.count is not None:
                    self._armed[index] = replace(fault, count=fault.count - 1)
                return fault
        return None


class ConnectionReset(Response):
    """An answer that breaks the connection instead: the client sees it closed, or a reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Break it and wait until the server has noticed."""
        transport_of(scope).abort()
        await _gone(receive)


class NeverAnswered(Response):
    """An answer that does not come, until the client goes away or the server stops."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Wait for the client to lose patience."""
        scope["state"][HANGS] = True
        await _gone(receive)


def transport_of(scope: MutableMapping[str, Any]) -> asyncio.Transport:
    """Find the connection of a request; the server puts it there."""
    transport: asyncio.Transport = scope["state"]["transport"]
    return transport


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
