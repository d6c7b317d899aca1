"""Ingress: Segment's HTTP API. The reply is given after the commit and the barrier, never before.

Official clients retry everything that is not 200 (some resend on 202) and drop a whole batch on a
4xx. So: exactly 200 once it is stored, 4xx only where posting again cannot help, else 503.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.consent_section import ConsentSettings
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.events.barrier import pass_through
from sekvens.events.ingest import Ingested
from sekvens.events.parse import Incoming, Posted, read_batch, read_one
from sekvens.events.trail import OUTCOMES, log_stored
from sekvens.events.writer import DatabaseUnavailable, GroupCommitWriter, WriterBusy
from sekvens.flows.shop_time import ShopTime
from sekvens.prometheus.counted import EVENTS, INGRESS
from sekvens.shop import Shop
from sekvens.web.openapi import describe
from sekvens.web.posting import WriteKeys, posted
from sekvens.web.replies import EndsEarly, failure, unavailable

#: Barriers that may wait at once; each waits for two seconds at most.
BARRIER_THREADS: Final = 32

_SUCCESS: Final = b'{"success": true}'
_KINDS: Final = ("track", "identify", "alias", "page", "screen", "group")


class Ingress:
    """Takes posted events in. `start` it before the first request, `stop` it after the last."""

    def __init__(
        self,
        keys: WriteKeys,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        *,
        shop: Shop | None = None,
        consent: ConsentSettings | None = None,
    ) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._shop = shop
        self._consent = consent
        self._writer: GroupCommitWriter | None = None
        self._barriers = ThreadPoolExecutor(BARRIER_THREADS, thread_name_prefix="barrier")

    def start(self) -> None:
        """Start the writer."""
        self._writer = GroupCommitWriter(
            self._database,
            self._clock,
            self._shop_time,
            shop=self._shop,
            consent=self._consent,
        )

    def stop(self) -> None:
        """Store what waits, and stop."""
        if self._writer is not None:
            self._writer.close()
        self._barriers.shutdown()

    def router(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter(tags=["Events"])
        for path in ("/v1/batch", "/v1/import"):
            router.post(path, **describe(path))(self._endpoint(path, None))
        for kind in _KINDS:
            path = f"/v1/{kind}"
            router.post(path, **describe(path))(self._endpoint(path, kind))
        return router

    def _endpoint(self, path: str, kind: str | None) -> Callable[..., object]:
        async def endpoint(request: Request) -> Response:
            began = time.monotonic()
            try:
                reply = await self._receive(request, kind)
            except EndsEarly as rejected:
                reply = rejected.reply
            INGRESS.labels(str(reply.status_code)).observe(time.monotonic() - began)
            return reply

        endpoint.__name__ = path.removeprefix("/v1/")
        return endpoint

    async def _receive(self, request: Request, kind: str | None) -> Response:
        now = self._clock.now()

        def read(body: bytes) -> Posted:
            if kind is None:
                return read_batch(body, received_at=now)
            return read_one(body, kind=kind, received_at=now)

        return await self.store((await posted(request, self._keys, read)).events)

    async def store(self, events: Sequence[Incoming]) -> Response:
        """Store events, pass the barrier, and make the reply."""
        if self._writer is None:
            return unavailable("the API is starting")
        try:
            ingested = await asyncio.wrap_future(self._writer.submit(events))
            _note(events, ingested)
            if ingested.sending:
                wait = partial(pass_through, self._database, ingested.sending, clock=self._clock)
                await asyncio.get_running_loop().run_in_executor(self._barriers, wait)
        except (WriterBusy, DatabaseUnavailable) as error:
            return unavailable(str(error))
        except SQLAlchemyError:
            # Stored, but the barrier could not be passed: a repeat is a duplicate that passes it.
            return unavailable("the database does not answer; post again")
        except SekvensError as error:
            return failure(500, "internal_error", str(error))
        return Response(_SUCCESS, media_type="application/json")


def _note(events: Sequence[Incoming], ingested: Ingested) -> None:
    """Count what was committed, and say which events it was: the first line of each one's trail."""
    for outcome in OUTCOMES:
        EVENTS.labels(outcome).inc(getattr(ingested, outcome))
    log_stored(events, ingested)
