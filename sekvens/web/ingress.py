"""Ingress: Segment's HTTP API. The reply is given after the commit and the barrier, never before.

Official clients retry everything that is not 200 (some resend on 202) and drop a whole batch on a
4xx. So: exactly 200 once it is stored, 4xx only where posting again cannot help, else 503.
"""

import asyncio
import base64
import binascii
import hmac
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.consent_section import ConsentSettings
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.events.barrier import pass_through
from sekvens.events.ingest import Ingested
from sekvens.events.parse import Incoming, Posted, read_batch, read_one
from sekvens.events.segment import Malformed
from sekvens.events.trail import OUTCOMES, log_stored
from sekvens.events.writer import DatabaseUnavailable, GroupCommitWriter, WriterBusy
from sekvens.flows.shop_time import ShopTime
from sekvens.prometheus.counted import EVENTS, INGRESS
from sekvens.sections import ApiSettings
from sekvens.shop import Shop
from sekvens.web.bodies import body_of
from sekvens.web.openapi import describe
from sekvens.web.replies import failure, unavailable

#: RudderStack's clients fill a batch to this size; the same limit holds before and after unpacking.
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
#: Reading a larger body would hold up everybody else's.
INLINE_BYTES_MAX: Final = 128 * 1024
#: Barriers that may wait at once; each waits for two seconds at most.
BARRIER_THREADS: Final = 32

_SUCCESS: Final = b'{"success": true}'
_KINDS: Final = ("track", "identify", "alias", "page", "screen", "group")


class _Rejected(Exception):
    """Carries the reply to a request that ends early."""

    def __init__(self, reply: Response) -> None:
        super().__init__()
        self.reply = reply


class Ingress:
    """Takes posted events in. `start` it before the first request, `stop` it after the last."""

    def __init__(
        self,
        api: ApiSettings,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        *,
        shop: Shop | None = None,
        consent: ConsentSettings | None = None,
    ) -> None:
        # A key that is empty would let in whoever gives none.
        self._keys = [key.strip().encode() for key in api.write_keys if key.strip()]
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
            except _Rejected as rejected:
                reply = rejected.reply
            INGRESS.labels(str(reply.status_code)).observe(time.monotonic() - began)
            return reply

        endpoint.__name__ = path.removeprefix("/v1/")
        return endpoint

    async def _receive(self, request: Request, kind: str | None) -> Response:
        authorized = self._authorized(request.headers.get("authorization"))
        posted = await self._read(await _body(request), request, kind)
        if not (authorized or self._is_key(posted.write_key)):
            raise _Rejected(_unauthorized())
        return await self.store(posted.events)

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

    async def _read(self, body: bytes, request: Request, kind: str | None) -> Posted:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        read = partial(self._parse, body, encoding, kind)
        return read() if len(body) <= INLINE_BYTES_MAX else await asyncio.to_thread(read)

    def _parse(self, body: bytes, encoding: str, kind: str | None) -> Posted:
        # By Content-Encoding whatever the Content-Type says: RudderStack's Node client sends gzip
        # under a form's content type.
        if encoding in ("gzip", "x-gzip"):
            body = _unpacked(body)
        elif encoding not in ("identity", ""):
            raise _Rejected(
                failure(400, "unsupported_encoding", "Content-Encoding may be gzip or nothing")
            )
        now = self._clock.now()
        try:
            if kind is None:
                return read_batch(body, received_at=now)
            return read_one(body, kind=kind, received_at=now)
        except Malformed as error:
            raise _Rejected(failure(400, "invalid_request", str(error))) from None

    def _authorized(self, header: str | None) -> bool:
        """Tell whether the header is good; none may mean that the body has the key.

        Raises:
            _Rejected: there is a header, and it is wrong.
        """
        if header is None:
            return False
        scheme, _, credentials = header.partition(" ")
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if scheme.lower() != "basic" or not self._is_key(decoded.partition(b":")[0]):
            raise _Rejected(_unauthorized())
        return True

    def _is_key(self, given: bytes | str | None) -> bool:
        given = given.encode("utf-8", "replace") if isinstance(given, str) else given or b""
        # Every key is compared, so that the time taken tells nothing about which of them is near.
        fits = [hmac.compare_digest(given, key) for key in self._keys]
        return any(fits)


def _note(events: Sequence[Incoming], ingested: Ingested) -> None:
    """Count what was committed, and say which events it was: the first line of each one's trail."""
    for outcome in OUTCOMES:
        EVENTS.labels(outcome).inc(getattr(ingested, outcome))
    log_stored(events, ingested)


async def _body(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_BYTES_MAX:
        raise _Rejected(_too_large())
    try:
        body = await body_of(request, bytes_max=BODY_BYTES_MAX)
    except ClientDisconnect:
        raise _Rejected(failure(400, "invalid_request", "the body broke off")) from None
    if body is None:
        raise _Rejected(_too_large())
    return body


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(body, BODY_BYTES_MAX + 1)
    except zlib.error:
        raise _Rejected(failure(400, "invalid_request", "the body is not valid gzip")) from None
    if len(unpacked) > BODY_BYTES_MAX:
        raise _Rejected(_too_large())
    if not unpacking.eof:
        raise _Rejected(failure(400, "invalid_request", "the gzip body breaks off"))
    return unpacked


def _too_large() -> Response:
    # Segment answers 400 here, and its clients know what to do with that.
    megabytes = BODY_BYTES_MAX // (1024 * 1024)
    return failure(400, "too_large", f"a request holds at most {megabytes} MB; post several")


def _unauthorized() -> Response:
    return failure(
        401,
        "unauthorized",
        "give a write key as the user name of HTTP Basic, or as writeKey in the body",
        {"WWW-Authenticate": 'Basic realm="sekvens"'},
    )
