"""Whole requests of the dashboard's pages, on a database that is filled (`bench.rows`)."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

import httpx
from sqlalchemy import text

from bench.harness import cpu_seconds, reaped_seconds
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.settings import load_settings
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.web.app import create_app

ROUNDS: Final = 9
ORIGIN: Final = "https://post.shop.example"
_NAME, _PASSWORD = "dagny", "nine sheep in a field"
_SETTINGS: Final = {
    "SEKVENS_API__WRITE_KEYS": "wk_bench",
    "SEKVENS_API__LINK_SECRET": "s" * 32,
    "SEKVENS_API__PUBLIC_URL": ORIGIN,
}
#: One page of each kind, of a flow and of a contact that mail is generated of.
PATHS: Final = (
    "/staff", "/staff?days=365", "/staff/flows", "/staff/flows/cart-abandonment",
    "/staff/contacts", "/staff/contacts/c-8", "/staff/experiments", "/staff/segments",
    "/staff/offers", "/staff/deliverability", "/staff/operations", "/staff/board", "/staff/audit",
)  # fmt: skip


class Took(NamedTuple):
    """How long one page took, in ms. Processor time is ours, and PostgreSQL's for us."""

    path: str
    size: int  #: bytes of HTML
    first: float  #: processor time of the first request, before anything is kept
    walls: Sequence[float]  #: of those behind it, sorted
    used: float  #: processor time of each of these


def requests(
    database: Database, *, now: datetime, paths: Sequence[str] = PATHS, rounds: int = ROUNDS
) -> list[Took]:
    """Ask for each page once and then some times more, as somebody who is logged in."""
    return asyncio.run(_requests(database, now, paths, rounds))


async def _requests(
    database: Database, now: datetime, paths: Sequence[str], rounds: int
) -> list[Took]:
    async with logged_in(database, now) as client:
        return [await _took(client, database, path, rounds) for path in paths]


@asynccontextmanager
async def logged_in(database: Database, now: datetime) -> AsyncIterator[httpx.AsyncClient]:
    """Lend a browser, in which somebody has logged in who may do everything."""
    with database.write() as session:
        accounts.add(session, _NAME, role=Role.OPERATOR, password=_PASSWORD, now=now)
    app = create_app(load_settings(_SETTINGS), database, FrozenClock(now))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 1234))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, timeout=600) as client,
    ):
        form = {"form_token": await form_token(client, "/staff/login"), "name": _NAME}
        reply = await client.post(
            "/staff/login", data={**form, "password": _PASSWORD}, headers={"Origin": ORIGIN}
        )
        assert reply.status_code == 303, reply.text
        yield client


async def form_token(client: httpx.AsyncClient, path: str) -> str:
    """Tell what a page's forms carry, so that they are believed."""
    page = await client.get(path)
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    return found[1] if found else ""


async def _took(client: httpx.AsyncClient, database: Database, path: str, rounds: int) -> Took:
    began = _used(database)
    first = await client.get(path)
    assert first.status_code == 200, (path, first.status_code)
    before, walls = _used(database), []
    for _ in range(rounds):
        start = time.perf_counter()
        await client.get(path)
        walls.append((time.perf_counter() - start) * 1000)
    each = (_used(database) - before) * 1000 / rounds
    return Took(path, len(first.content), (before - began) * 1000, sorted(walls), each)


def _used(database: Database) -> float:
    """Add up the processor time of this process and of PostgreSQL's for our connections.

    Workers that a statement is shared among are gone with it: it is their parent who knows.
    """
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with database.read() as session:
        pids = {str(pid): pid for pid in session.scalars(text(query))}
    used = sum(cpu_seconds(pids).values()) + reaped_seconds(next(iter(pids.values())))
    return used + time.process_time()
