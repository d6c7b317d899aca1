"""The app in a test: served in the process, with its writer running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from sekvens.clock import Clock, FrozenClock
from sekvens.db.session import Database
from sekvens.settings import Settings, load_settings
from sekvens.web.app import create_app
from tests.unit.ingesting import NOON

WRITE_KEY = "wk_first"
KEYS = ("wk_first", "wk_second")


def settings(**changes: str) -> Settings:
    """Make the sample shop's settings, with keys."""
    given = {
        "SEKVENS_API__WRITE_KEYS": ",".join(KEYS),
        "SEKVENS_API__LINK_SECRET": "s" * 32,
    }
    return load_settings(given | changes)


@asynccontextmanager
async def served(
    database: Database, clock: Clock | None = None, **changes: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the app to a client with the write key."""
    app = create_app(settings(**changes), database, clock or FrozenClock(NOON))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", auth=(WRITE_KEY, "")
        ) as client,
    ):
        yield client
