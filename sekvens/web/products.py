"""The door for products: what the shop's backend and its platform tell of them is kept.

Each product is answered for by itself, and none that can be used is lost for its neighbour's sake.
One thread stores: what products cost and how many there are is worked out in the order of arrival.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.imports.outcome import Imported, Rejected
from sekvens.products.importing import Said, import_products
from sekvens.products.posted import ShopFacts, read_products
from sekvens.prometheus.counted import INGRESS, PRODUCTS
from sekvens.settings import Settings
from sekvens.web.openapi import describe_products
from sekvens.web.posting import WriteKeys, posted
from sekvens.web.replies import EndsEarly, NotKept, ProductsKept, unavailable

#: Products that may wait to be stored: a few seconds' work.
WAITING_MAX: Final = 5_000

_log = logging.getLogger(__name__)


class ProductDoor:
    """Keeps what is told of products. `stop` it after the last request."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, keys: WriteKeys
    ) -> None:
        self._shop = settings.shop
        self._news = settings.products
        self._shop_time = settings.shop_time()
        self._database = database
        self._clock = clock
        self._keys = keys
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="products")

    def stop(self) -> None:
        """Store what waits, and stop."""
        self._thread.shutdown()

    def router(self) -> APIRouter:
        """Make the route."""
        router = APIRouter(tags=["Products"])

        @router.post("/v1/products", **describe_products())
        async def products(request: Request) -> Response:
            began = time.monotonic()
            try:
                reply = await self._receive(request)
            except EndsEarly as ended:
                reply = ended.reply
            INGRESS.labels(str(reply.status_code)).observe(time.monotonic() - began)
            return reply

        return router

    async def keep(self, said: Sequence[Said | Rejected], *, locale: str) -> Imported:
        """Keep what was told, all of it or nothing of a transaction; `locale` is of the texts.

        Raises:
            EndsEarly: it could not be stored, and is to be posted again.
        """
        if self._waiting + len(said) > WAITING_MAX and self._waiting:
            raise EndsEarly(unavailable("too many products wait to be stored; post again"))
        self._waiting += len(said)
        store = partial(
            import_products,
            self._database,
            said,
            locale=locale,
            own_locale=self._shop.default_locale,
            now=self._shop_time.at(self._clock.now()),
            news=self._news,
        )
        stored = self._thread.submit(store)
        loop = asyncio.get_running_loop()
        settle = partial(loop.call_soon_threadsafe, self._settle, len(said))
        # Whoever asked may leave before it is stored.
        stored.add_done_callback(lambda _: settle())
        try:
            imported = await asyncio.wrap_future(stored)
        except SQLAlchemyError:
            raise EndsEarly(unavailable("the database does not answer; post again")) from None
        for outcome, number in _outcomes(imported).items():
            PRODUCTS.labels(outcome).inc(number)
        return imported

    def _settle(self, number: int) -> None:
        self._waiting -= number

    async def _receive(self, request: Request) -> Response:
        shop = ShopFacts(
            locale=self._shop.default_locale,
            locales=self._shop.locales,
            currency=self._shop.currency,
        )
        read = partial(read_products, shop=shop, received_at=self._clock.now())
        found = await posted(request, self._keys, read)
        imported = await self.keep(found.items, locale=found.locale)
        if imported.rejected:
            _log.warning(
                "%d of %d posted products cannot be used; the answer says why",
                imported.rows_rejected, imported.rows,
                extra={"action": "products_rejected"},
            )  # fmt: skip
        rejected = sorted((each.line, each.reason) for each in imported.rejected)
        kept = ProductsKept(
            added=imported.added,
            changed=imported.changed,
            unchanged=imported.unchanged,
            rejected=tuple(NotKept(line, reason) for line, reason in rejected),
        )
        return Response(msgspec.json.encode(kept), media_type="application/json")


def _outcomes(imported: Imported) -> dict[str, int]:
    return {
        "added": imported.added,
        "changed": imported.changed,
        "unchanged": imported.unchanged,
        "rejected": imported.rows_rejected,
    }
