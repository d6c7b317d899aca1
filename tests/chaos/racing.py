"""What races need around them: facts, a SES with a latency, the HTTP app, and what came of it.

Instants are those of `time.monotonic()`, noted where a thing happens and not by who asked for it.
"""

import asyncio
import contextlib
import math
import random
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sekvens.clock import Clock
from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.events.barrier import wait_for_senders
from sekvens.messages.links import unsubscribe_url
from sekvens.ses.client import Quota
from sekvens.ses.testing import FakeSes
from sekvens.switches import turning
from sekvens.switches.tables import SwitchState
from sekvens.web.app import create_app
from tests.unit.ingesting import alias, track
from tests.unit.serving import WRITE_KEY, settings

T = TypeVar("T")

#: SES's latency in seconds: the median, and how far it spreads (of its logarithm).
SES_TAKES: Final = 0.02
SES_SPREAD: Final = 0.35
PATIENCE: Final = 60.0
_ANSWERED: Final = "x-answered-at"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of SES."""

    began_at: float
    taken_at: float
    ended_at: float


class TimedSes:
    """A fake SES with a latency, half of it before it has the message."""

    def __init__(self, fake: FakeSes, *, seed: int) -> None:
        #: the last call for each recipient
        self.calls: dict[str, Call] = {}
        self._fake = fake
        self._seed = seed

    def send(
        self, *, raw: bytes, sender: str, recipient: str, tags: Mapping[str, str], deadline: float
    ) -> str:
        """Take a message, in the time that the seed gives to this recipient."""
        chance = random.Random(f"{self._seed}/{recipient}")  # noqa: S311
        half = chance.lognormvariate(math.log(SES_TAKES), SES_SPREAD) / 2
        began_at = time.monotonic()
        time.sleep(half)
        ses_message_id = self._fake.send(
            raw=raw, sender=sender, recipient=recipient, tags=tags, deadline=deadline
        )
        taken = self._fake.accepted[::-1]
        taken_at = next(one.at for one in taken if one.ses_message_id == ses_message_id)
        time.sleep(half)
        self.calls[recipient] = Call(
            began_at=began_at, taken_at=taken_at, ended_at=time.monotonic()
        )
        return ses_message_id

    def quota(self) -> Quota:
        """Tell a quota that hinders nobody."""
        return self._fake.quota()

    def close(self) -> None:
        """Have nothing to close."""


class Api:
    """The HTTP app in this process, on an event loop of its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._settings = settings()
        app = create_app(self._settings, database, clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api")
        self._thread.start()
        self._running = contextlib.AsyncExitStack()
        self._run(self._running.enter_async_context(app.router.lifespan_context(app)))
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(_noting(app)), base_url="http://api", auth=(WRITE_KEY, "")
        )

    def track(self, user: str, event: str, **properties: Any) -> float:
        """Post an event; tell the instant of the reply."""
        return self._reply(self._client.post("/v1/track", json=track(event, user, **properties)))

    def unsubscribe(self, contact_id: str) -> float:
        """Unsubscribe as a mail client does in one click (RFC 8058); tell the instant."""
        url = unsubscribe_url(self._settings.api, contact_id=contact_id, message_id="m-earlier")
        token = url.rpartition("/")[2]
        one_click = {"List-Unsubscribe": "One-Click"}
        return self._reply(self._client.post(f"/u/{token}", data=one_click))

    def alias(self, previous: str, user: str) -> float:
        """Post that two names are one person; tell the instant of the reply."""
        return self._reply(self._client.post("/v1/alias", json=alias(previous, user)))

    def close(self) -> None:
        """Stop it as it is stopped in production: what waits is stored first."""
        self._run(self._client.aclose())
        self._run(self._running.aclose())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _reply(self, asked: Coroutine[Any, Any, httpx.Response]) -> float:
        reply = self._run(asked)
        assert reply.status_code == 200, reply.text
        return float(reply.headers[_ANSWERED])

    def _run(self, asked: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(PATIENCE)


def erase_person(database: Database, contact_id: str, *, clock: Clock, now_shop: datetime) -> None:
    """Erase as retention and the command do."""
    with database.write() as session:
        ids = erase(session, contact_id, now=clock.now(), now_shop=now_shop)
    wait_for_senders(database, ids, clock=clock)


def turn(database: Database, name: str, state: SwitchState, *, now: datetime) -> None:
    """Stop or pause as the commands do."""
    with database.write() as session:
        turning.turn(session, name, state, by="maja", note=None, now=now)
    turning.let_senders_pass(database, name)


def turn_back(database: Database, name: str, *, now: datetime) -> None:
    """Let messages go again."""
    with database.write() as session:
        turning.end(session, name, by="maja", now=now)


class Lead:
    """How much later than its message a fact starts: who won gives the other more of a start.

    Whoever wins time after time gives ever more: on a busy machine both still win their share.
    """

    def __init__(self, seconds: float = 0.0, *, step: float) -> None:
        self.seconds = seconds
        self._step = step
        self._last = True
        self._streak = 0

    def learn(self, *, left: bool) -> None:
        """Take in whether a message left before its fact could hold it back."""
        self._streak = self._streak + 1 if left == self._last else 1
        self._last = left
        step = self._step * 2 ** min(self._streak // 4, 6)
        self.seconds += -step if left else step


def replies(
    met: Sequence[float], others: Sequence[float], calls: Sequence[float]
) -> dict[str, Any]:
    """Tell how long replies took whose contact had a message in SES's hands, and how long others.

    All in seconds here and in milliseconds there. `excess` is what the promise allows 50 of, on a
    machine that has nothing else to do: what all replies took beyond SES's own time.
    """
    return {
        "ses_p99": p99(calls),
        "reply_p99": p99([*met, *others]),
        "reply_p99_when_met": p99(met),
        "reply_p99_else": p99(others),
        "excess": p99([*met, *others]) - p99(calls),
    }


def is_patient(found: Mapping[str, Any]) -> bool:
    """Tell whether replies wait for SES and for nothing else, on a busy machine too."""
    slack = 50 + found["reply_p99_else"]
    return bool(found["reply_p99_when_met"] <= 4 * (found["ses_p99"] + slack))


def p99(seconds: Sequence[float]) -> float:
    """Tell what 99 of a hundred stay below, in milliseconds; 0 for none."""
    ordered = sorted(seconds)
    return ordered[-1 - len(ordered) // 100] * 1000 if ordered else 0.0


def _noting(app: ASGIApp) -> ASGIApp:
    """Let each reply carry the instant at which it went out."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                instant = (_ANSWERED.encode(), repr(time.monotonic()).encode())
                message["headers"] = [*message["headers"], instant]
            await send(message)

        await app(scope, receive, noted)

    return noting
