"""An unmodified client of Segment's API posts to a real server."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from segment.analytics import Client

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.web.app import create_app
from tests.unit.ingesting import Shop
from tests.unit.serving import WRITE_KEY, settings

pytestmark = pytest.mark.e2e


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """A real server on a free port."""
    app = create_app(settings(), database, SystemClock())
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def client(url: str, *, gzip: bool) -> Client:
    return Client(WRITE_KEY, host=url, gzip=gzip, max_retries=2, on_error=_raise)


def _raise(error: Exception, _batch: object) -> None:
    raise error


@pytest.mark.parametrize("gzip", [False, True])
def test_the_official_client_is_understood(database: Database, url: str, gzip: bool) -> None:  # noqa: FBT001
    shop_client = client(url, gzip=gzip)
    shop_client.track(anonymous_id="a", event="Product Added", properties={"product_id": "p"})
    shop_client.identify("u", {"email": "a@example.com", "firstName": "Åsa"}, anonymous_id="a")
    shop_client.page("u", name="Socks", properties={"url": "https://s/1"})
    shop_client.alias("before", "u")
    shop_client.group("u", "g")
    shop_client.screen("u", name="Start")
    shop_client.track("u", "Completed Order", {"order_id": "1", "total": 129.9})
    shop_client.shutdown()

    shop = Shop(database)
    contact = shop.contact()
    assert contact is not None
    assert (contact.email, contact.first_name) == ("a@example.com", "Åsa")
    assert [order[:3] for order in shop.orders()] == [("1", "completed", "129.9")]
    assert shop.quantities() == {"p": 1}
    assert shop.count(ContactEvent) == 5
    assert len(shop.outbox()) == 2


def test_what_the_client_posts_again_happens_once(database: Database, url: str) -> None:
    for _ in range(2):
        shop_client = client(url, gzip=True)
        shop_client.track("u", "Product Added", {"product_id": "p"}, message_id="once")
        shop_client.shutdown()

    assert Shop(database).outbox() == ["once"]
    assert Shop(database).quantities() == {"p": 1}
