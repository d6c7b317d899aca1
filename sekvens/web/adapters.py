"""Webhooks of shop platforms: signed, read into events and listings, stored as posted ones are.

A platform posts again what is not answered with 200 soon, and gives up on a receiver that often
fails. So: 200 for whatever is signed, once it is stored; a body that cannot be used is kept with
the reason, as a bad event is; and no answer later than `REPLY_SECONDS`. Temporal is not asked.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.contacts import requests
from sekvens.contacts.erase import erase
from sekvens.contacts.requests import RequestKind
from sekvens.db.session import Database
from sekvens.events.adapters.reading import Event, Told, UnknownTopic, Unusable, Webhook, message_id
from sekvens.events.adapters.signature import is_signed
from sekvens.events.barrier import wait_for_senders
from sekvens.events.parse import EVENT_BYTES_MAX, Incoming, Refused, read_batch
from sekvens.events.segment import UNREADABLE, Malformed
from sekvens.settings import Settings
from sekvens.web.bodies import body_of
from sekvens.web.ingress import Ingress
from sekvens.web.openapi import describe_adapter
from sekvens.web.platforms import Platform, platforms_of
from sekvens.web.products import ProductDoor
from sekvens.web.replies import EndsEarly, failure, unavailable

#: An order of hundreds of lines is a tenth of this.
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
#: Reading a larger body would hold up everybody else's.
INLINE_BYTES_MAX: Final = 128 * 1024
#: Shopify waits for five; what was stored after it turned away is a duplicate when it comes again.
REPLY_SECONDS: Final = 4.0
#: Who has a wrong secret posts often: it is said once in so long.
LOG_AGAIN_AFTER: Final = timedelta(minutes=1)

_SUCCESS: Final = b'{"success": true}'
#: What WooCommerce posts, unsigned, when a webhook is saved.
_PING: Final = re.compile(rb"webhook_id=\d{1,20}")
_TOPIC: Final = re.compile(r"[a-z_]{1,60}[/.][a-z_]{1,60}")

_log = logging.getLogger(__name__)


class Adapters:
    """Takes in what platforms post, by way of the doors for events and for products."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        ingress: Ingress,
        products: ProductDoor,
    ) -> None:
        self._shop = settings.shop
        self._platforms = platforms_of(settings)
        self._database = database
        self._clock = clock
        self._shop_time = settings.shop_time()
        self._ingress = ingress
        self._products = products
        self._said_at: dict[str, datetime] = {}

    def router(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter(tags=["Platforms"])
        for platform in self._platforms:
            path = f"/v1/adapters/{platform.source}"
            described = describe_adapter(platform.source, platform.name, header=platform.signature)
            router.post(path, **described)(self._endpoint(platform))
        return router

    def _endpoint(self, platform: Platform) -> Callable[..., object]:
        async def endpoint(request: Request) -> Response:
            try:
                return await asyncio.wait_for(self._receive(platform, request), REPLY_SECONDS)
            except EndsEarly as rejected:
                return rejected.reply
            except TimeoutError:
                return unavailable("this takes too long; post again")

        endpoint.__name__ = platform.source
        return endpoint

    async def _receive(self, platform: Platform, request: Request) -> Response:
        if not platform.settings.is_on:
            self._say(platform, "no secret is set")
            return failure(404, "not_found", "this adapter is switched off")
        body = await _body(request)
        signature = request.headers.get(platform.signature, "")
        if not signature and _PING.fullmatch(body) and platform.pings:
            return _success()
        if not is_signed(body, signature, platform.settings.secrets):
            self._say(platform, "its signature is wrong, or there is none")
            return failure(401, "unauthorized", "the body's signature is missing or wrong")
        if _host(request.headers.get(platform.shop, "")) not in platform.settings.shops:
            self._say(platform, "its shop is not one of the settings'")
            return failure(403, "forbidden", "this shop may not post here")
        return await self._take(platform, request, body)

    async def _take(self, platform: Platform, request: Request, body: bytes) -> Response:
        """Store what a webhook of ours says."""
        event_id = platform.event_id(request, body)
        topic = _topic(request.headers.get(platform.topic, ""))

        def read() -> tuple[Told, tuple[Incoming, ...]]:
            return self._read(platform, request, body, topic=topic, event_id=event_id)

        is_long = len(body) > INLINE_BYTES_MAX
        told, events = await asyncio.to_thread(read) if is_long else read()
        if told.asked is not None:
            request_id = message_id(platform.source, topic, event_id)
            try:
                await asyncio.to_thread(self._answer, told, request_id, platform.source)
            except SQLAlchemyError:
                return unavailable("the database does not answer; post again")
        if told.products:
            kept = await self._products.keep(told.products, locale=self._shop.default_locale)
            unusable = (
                self._unusable(platform, topic, each.reason, body) for each in kept.rejected
            )
            events = (*events, *unusable)
        return await self._ingress.store(events) if events else _success()

    def _read(
        self, platform: Platform, request: Request, body: bytes, *, topic: str, event_id: str
    ) -> tuple[Told, tuple[Incoming, ...]]:
        now = self._clock.now()
        try:
            webhook = Webhook(
                source=platform.source,
                topic=topic,
                body=_table(body),
                event_id=event_id,
                triggered_at=request.headers.get(platform.triggered_at),
                user_id_prefix=platform.settings.user_id_prefix,
                consent_key=platform.consent_key,
                received_at=now,
                home=self._shop.links.home,
                currency=self._shop.currency,
            )
            told = platform.read(webhook)
            return told, _incoming(told.events, received_at=now)
        except (Unusable, Malformed) as error:
            # Of a topic that nobody reads, nothing is kept but that it came.
            is_read = not isinstance(error, UnknownTopic)
            return Told(), (self._unusable(platform, topic, str(error), body if is_read else None),)

    def _unusable(self, platform: Platform, topic: str, reason: str, body: bytes | None) -> Refused:
        """Keep a webhook with the reason why it is of no use; without its body, it is of none."""
        _log.log(
            logging.INFO if body is None else logging.WARNING,
            "a webhook of %s could not be used: %s", platform.name, reason,
            extra={"action": "webhook_unusable", "source": platform.source, "topic": topic},
        )  # fmt: skip
        raw = json.dumps({"topic": topic}).encode() if body is None else body[:EVENT_BYTES_MAX]
        text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
        said = f"{platform.name}'s {topic}: {reason}"
        return Refused(reason=said, raw=text, received_at=self._clock.now())

    def _answer(self, told: Told, request_id: str, source: str) -> None:
        """Record what was asked under the law of privacy, and forget whoever asked for that."""
        now = self._clock.now()
        erased: set[str] = set()
        with self._database.write() as session:
            if told.asked is None or requests.is_known(session, request_id):
                return
            found = requests.whom(session, told.user_ids, told.email)
            if told.asked is RequestKind.ERASURE:
                for contact_id in found:
                    now_shop = self._shop_time.at(now)
                    erased.update(erase(session, contact_id, now=now, now_shop=now_shop))
            requests.record(
                session,
                request_id=request_id,
                source=source,
                kind=told.asked,
                contact_ids=found,
                now=now,
            )
        wait_for_senders(self._database, erased, clock=self._clock)

    def _say(self, platform: Platform, what: str) -> None:
        now, key = self._clock.now(), f"{platform.source} {what}"
        if key in self._said_at and now - self._said_at[key] < LOG_AGAIN_AFTER:
            return
        self._said_at[key] = now
        _log.warning(
            "a webhook of %s is refused: %s (settings: adapters.%s)",
            platform.name, what, platform.source,
            extra={"action": "webhook_refused", "source": platform.source},
        )  # fmt: skip


def _incoming(events: tuple[Event, ...], *, received_at: datetime) -> tuple[Incoming, ...]:
    if not events:
        return ()
    return read_batch(msgspec.json.encode({"batch": events}), received_at=received_at).events


def _table(body: bytes) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(body)
    except UNREADABLE:
        raise Unusable("the body is not JSON") from None
    if not isinstance(read, dict):
        raise Unusable("the body is not a JSON object")
    return read


def _host(given: str) -> str:
    """Tell the host: Shopify gives it alone, WooCommerce in its home page's address."""
    try:
        return urlsplit(given if "//" in given else f"//{given}").netloc.casefold()
    except ValueError:
        return ""


def _topic(given: str) -> str:
    topic = given.strip().casefold()
    return topic if _TOPIC.fullmatch(topic) else "unknown"


async def _body(request: Request) -> bytes:
    try:
        body = await body_of(request, bytes_max=BODY_BYTES_MAX)
    except ClientDisconnect:
        raise EndsEarly(failure(400, "invalid_request", "the body broke off")) from None
    if body is None:
        megabytes = BODY_BYTES_MAX // (1024 * 1024)
        raise EndsEarly(failure(413, "too_large", f"at most {megabytes} MB"))
    return body


def _success() -> Response:
    return Response(_SUCCESS, media_type="application/json")
