"""A shop's platform posts to the real API process while nobody answers for Temporal."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.products.tables import Product
from tests.unit.ingesting import Shop
from tests.unit.platforms import SETTINGS, SHOPIFY_ORDER, WOO_ORDER, post_shopify, post_woo
from tests.unit.product_webhooks import SHOPIFY_PRODUCT

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
    upgrade(database)
    yield Shop(database)
    database.close()


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    """The API's own process; Temporal's address is one where nobody listens."""
    port = free_port()
    environ = (
        os.environ
        | SETTINGS
        | {
            "SEKVENS_API__PORT": str(port),
            "SEKVENS_API__LINK_SECRET": "s" * 32,
            "SEKVENS_DATABASE__URL": str(shop.database.engine.url),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}",
        }
    )
    with subprocess.Popen([sys.executable, "starter.py", "api"], cwd=ROOT, env=environ) as api:
        try:
            wait_for(f"http://127.0.0.1:{port}/health", api)
            yield f"http://127.0.0.1:{port}"
        finally:
            api.terminate()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the API did not start")


async def test_a_platform_is_answered_in_time_though_temporal_is_down(shop: Shop, url: str) -> None:
    # Temporal stays down: whoever waited for it would never answer.
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        first = await post_shopify(client, "orders/create", SHOPIFY_ORDER)
        second = await post_woo(client, "order.updated", WOO_ORDER)

        third = await post_shopify(client, "products/update", SHOPIFY_PRODUCT, "e2")

    assert [reply.status_code for reply in (first, second, third)] == [200, 200, 200]
    with shop.database.read() as session:
        assert session.get_one(Product, "5001").stock == 5
    assert shop.outbox("7001")[:2] == [
        "shopify-order-450001-completed",
        "woocommerce-order-450001-completed",
    ]
