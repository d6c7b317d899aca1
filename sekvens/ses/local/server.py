"""The local SES as a server: in this process for tests, or by `python -m sekvens.ses.local`.

It listens when `start` returns and has let go of its port and its file when `stop` returns.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sekvens.clock import Clock, SystemClock
from sekvens.errors import SekvensError
from sekvens.sections import is_local
from sekvens.ses.local.account import SendingLimits
from sekvens.ses.local.checks import Refused
from sekvens.ses.local.control import Control
from sekvens.ses.local.faults import HANGS, Faults
from sekvens.ses.local.inbox import Inbox
from sekvens.ses.local.reader import Reader
from sekvens.ses.local.reading import InboxMessage, read
from sekvens.ses.local.set_up import SetUpPages
from sekvens.ses.local.signature import SIGNATURE_AGE_MAX, SignatureCheck
from sekvens.ses.local.signing import Signer
from sekvens.ses.local.sns import Sns
from sekvens.ses.local.sqs import QUEUE_PATH, Sqs
from sekvens.ses.local.store import Store, read_log
from sekvens.ses.local.wire import Wire, answer_refused

#: Amazon's usual first rate, in messages a second.
DEFAULT_RATE = 14.0
DEFAULT_DAY_MAX = 50_000
_START_SECONDS = 10.0


class PortTaken(SekvensError):
    """Another program listens on the port; choose another one with --port."""


@dataclass(frozen=True, kw_only=True)
class LocalSesOptions:
    """What the account may do."""

    #: recipients a second
    rate: float = DEFAULT_RATE
    #: recipients in 24 hours; -1: no limit
    day_max: int = DEFAULT_DAY_MAX
    #: verified addresses and domains; empty: all are
    identities: frozenset[str] = frozenset()
    #: how old a signature may be
    signature_age_max: timedelta = SIGNATURE_AGE_MAX


class LocalSes:
    """One local SES on one folder."""

    def __init__(
        self,
        folder: Path,
        options: LocalSesOptions | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.faults = Faults()
        self._folder = folder
        self._host = host
        self._socket = _bound(host, port)
        self._port: int = self._socket.getsockname()[1]
        self._store = Store(folder)
        self._server = self._make_server(options or LocalSesOptions(), clock or SystemClock())
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where boto3 and a browser find it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def queue_url(self) -> str:
        """Where its own events are received, by SQS's protocol."""
        return f"{self.url}{QUEUE_PATH}"

    def messages(self) -> list[InboxMessage]:
        """List what it accepted, in order; read from its file, so any thread may ask."""
        return [read(accepted) for accepted in read_log(self._folder)]

    def start(self) -> None:
        """Serve in a thread; returns when it listens."""
        listens = threading.Event()
        self._server.on_ready = listens.set
        self._thread = threading.Thread(target=self._serve, name="local-ses", daemon=True)
        self._thread.start()
        if not listens.wait(_START_SECONDS):
            raise SekvensError(f"the local SES on port {self._port} does not start")

    def stop(self) -> None:
        """Stop serving and let go of everything."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def serve(self, on_ready: Callable[[], None]) -> None:
        """Serve in this thread until SIGTERM or SIGINT."""
        self._server.on_ready = on_ready
        self._serve()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._store.close()

    def _make_server(self, options: LocalSesOptions, clock: Clock) -> "_Server":
        limits = SendingLimits(
            rate=options.rate,
            day_max=options.day_max,
            sent=self._store.accepted_in_last_day(clock.now()),
        )
        check = SignatureCheck(clock, options.signature_age_max)
        events, queue = self._store.events, self._store.queue
        events.base_url, events.signer = self.url, Signer(self._folder, now=clock.now())
        wire = Wire(
            store=self._store,
            limits=limits,
            faults=self.faults,
            clock=clock,
            identities=options.identities,
            events=events,
            check=check,
        )
        set_up = SetUpPages(identities=options.identities, check=check)
        sqs = Sqs(queue=queue, events=events, check=check, clock=clock)
        control = Control(store=self._store, faults=self.faults, limits=limits)
        sns = Sns(store=self._store, clock=clock)
        reader = Reader(store=self._store, clock=clock)
        inbox = Inbox(store=self._store, faults=self.faults, limits=limits, clock=clock)
        # A page elsewhere that makes its own name point here must not read the inbox.
        hosts = (
            ["127.0.0.1", "localhost", "::1", "[::1]", self._host]
            if _is_loopback(self._host)
            else ["*"]
        )
        application = Starlette(
            routes=[
                *set_up.routes(),
                *wire.routes(),
                *sqs.routes(),
                *sns.routes(),
                *control.routes(),
                *reader.routes(),
                *inbox.routes(),
            ],
            exception_handlers={Refused: answer_refused},
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        )
        config = uvicorn.Config(
            application,
            http=_Protocol,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=75,
        )
        return _Server(config, beside=lambda: self._store.topic.deliver(clock))


@contextlib.contextmanager
def running_local_ses(
    folder: Path, options: LocalSesOptions | None = None, *, clock: Clock | None = None
) -> Iterator[LocalSes]:
    """Run a local SES on a free port for the length of a block."""
    local = LocalSes(folder, options, clock=clock)
    local.start()
    try:
        yield local
    finally:
        local.stop()


class _Server(uvicorn.Server):
    on_ready: Callable[[], None]

    def __init__(
        self, config: uvicorn.Config, *, beside: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        super().__init__(config)
        self._beside = beside
        self._task: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._task = asyncio.create_task(self._beside())
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


class _Protocol(HttpToolsProtocol):
    """Lets a request find its connection, which some faults break."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        state: dict[str, Any] = self.scope["state"]
        state["transport"] = self.transport

    def shutdown(self) -> None:
        if self.cycle is not None and self.cycle.scope["state"].get(HANGS):
            self.transport.abort()
        else:
            super().shutdown()


def _is_loopback(host: str) -> bool:
    return is_local(f"http://[{host}]" if ":" in host else f"http://{host}")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTaken(
            f"the local SES cannot listen on {host} port {port}: {error.strerror}; "
            "choose another with --port, or 0 for a free one"
        ) from error
    return bound
