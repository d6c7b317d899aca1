"""The warm process as its callers know it: they give it orders, and get results or errors.

One for all threads of a process. It is started with the first order, anew if it has died, and ends
with its caller, also when that is killed: the connection between them closes then.
"""

import atexit
import logging
import pickle
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgspec

from sekvens.errors import TemplateError, TooSlow
from sekvens.limited.forks import IN_ORDER, TOO_LATE
from sekvens.limited.job import MEBIBYTE, Limits, Order, Reply

_log = logging.getLogger(__name__)

_ROOT: Final = Path(__file__).parents[2]
#: Isolated (`-I`): neither the environment nor the working folder say what is imported.
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from sekvens.limited.forks import serve; serve(sys.argv[2])"
)
#: An order has no effect but its reply: it is given again to a new one, should a warm one die.
_TRIES: Final = 2
_REST_SECONDS: Final = 1.0
#: Hundreds of orders have room while it is busy with another.
_TAKE_SECONDS: Final = 5.0
_END_SECONDS: Final = 5.0


class WarmProcess:
    """Carries out orders, each in a limited process of its own."""

    def __init__(self, warm_up: str) -> None:
        """Know what `module:name` it calls first, so that those it forks find it done."""
        self._warm_up = warm_up
        self._lock = threading.Lock()
        self._started: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def call(
        self,
        function: str,
        argument: object,
        *,
        named: str,
        limits: Limits,
        prepare: str | None = None,
    ) -> Any:
        """Call `module:name` with an argument; what it returns is plain JSON.

        `prepare` is called with the same before the doors are closed.

        Raises:
            TemplateError: it raised one, or ended otherwise; the message says `named`.
            TooSlow: it did not end in time, or the machine had no room for it.
        """
        given = Order(function=function, prepare=prepare, argument=argument, limits=limits)
        # Read as JSON, never unpickled: it comes from where a stranger's template ran.
        reply = _read(self._carried_out(pickle.dumps(given), named, limits))
        if reply is None:
            raise TemplateError(
                f"{named} took more than it may ({limits.cpu_seconds} s of CPU, "
                f"{limits.memory_bytes // MEBIBYTE} MiB) and was ended; make it simpler"
            )
        if reply.refused is not None:
            raise TemplateError(reply.refused)
        return reply.result

    def close(self) -> None:
        """End it, if it was started."""
        with self._lock:
            started, self._started = self._started, None
        if started is None:
            return
        atexit.unregister(self.close)
        process, connection = started
        connection.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _carried_out(self, order: bytes, named: str, limits: Limits) -> bytes:
        """Tell what was replied to an order; nothing if its process was ended."""
        until = time.monotonic() + limits.wall_seconds
        for _ in range(_TRIES):
            with TemporaryFile() as asked, TemporaryFile() as replied:
                asked.write(order)
                asked.seek(0)
                try:
                    how = self._ended(asked, replied, seconds=until - time.monotonic())
                except TimeoutError:
                    raise TooSlow(
                        f"{named} was not written within {limits.wall_seconds:g} s; make it simpler"
                    ) from None
                if how:
                    replied.seek(0)
                    return replied.read(limits.result_bytes) if how == IN_ORDER else b""
                self._rest()
        raise TooSlow(
            f"{named} was not written: the process that it is written in was ended, or found no "
            "room; look whether this machine's memory is full, then try again"
        )

    def _ended(self, order: IO[bytes], reply: IO[bytes], *, seconds: float) -> bytes:
        """Give an order and wait for its end; tells how, or nothing if the warm one has died.

        Raises:
            TimeoutError: it took too long; it is ended, for its door closes.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                files = [order.fileno(), reply.fileno(), theirs.fileno()]
                with self._lock:
                    try:
                        socket.send_fds(self._living(), [b"\0"], files)
                    except OSError:  # it has died in this moment, or takes nothing
                        return b""
            ours.settimeout(max(seconds, 0.001))
            try:
                how = ours.recv(1)
            except ConnectionError:
                return b""
        if how == TOO_LATE:  # its own alarm was quicker than we are
            raise TimeoutError
        return how

    def _rest(self) -> None:
        """Let one that is dying be dead before it is asked again, or a full machine breathe."""
        started = self._started
        if started is not None:
            with suppress(subprocess.TimeoutExpired):
                started[0].wait(_REST_SECONDS)

    def _living(self) -> socket.socket:
        """Find it as it is, or start it; the lock is held."""
        if self._started is not None:
            process, connection = self._started
            if process.poll() is None:
                return connection
            connection.close()
            _log.warning(
                "The warm process for e-mails that are composed apart has died (%s); there is a "
                "new one.",
                process.returncode,
                extra={"action": "warm_process_died"},
            )
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and our own module
                [sys.executable, "-I", "-c", _START, str(_ROOT), self._warm_up],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={}, cwd="/",
            )  # fmt: skip
        ours.settimeout(_TAKE_SECONDS)
        if self._started is None:
            atexit.register(self.close)
        self._started = process, ours
        return ours


def _read(said: bytes) -> Reply | None:
    try:
        return msgspec.json.decode(said, type=Reply)
    except msgspec.DecodeError:
        return None
