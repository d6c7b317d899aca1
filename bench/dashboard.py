"""Whole requests of the dashboard's pages, on a database that somebody has filled."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

import httpx
from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.harness import cpu_seconds
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.flows.catalogue import CATALOGUE
from sekvens.settings import load_settings
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.web.app import create_app

ROUNDS: Final = 9
ORIGIN: Final = "https://post.shop.example"
_NAME, _PASSWORD = "doris", "nine sheep in a field"
_SETTINGS: Final = {
    "SEKVENS_API__WRITE_KEYS": "wk_bench",
    "SEKVENS_API__LINK_SECRET": "s" * 32,
    "SEKVENS_API__PUBLIC_URL": ORIGIN,
}
#: One page of each kind, of the flow and the contact in the middle of the generated ones.
PATHS: Final = (
    "/staff", "/staff?days=365", "/staff/flows", "/staff/flows/flow-3", "/staff/contacts",
    "/staff/contacts/c-7", "/staff/experiments", "/staff/segments", "/staff/offers",
    "/staff/deliverability", "/staff/operations", "/staff/board", "/staff/audit",
)  # fmt: skip


class Took(NamedTuple):
    """How long one page took, in ms."""

    path: str
    walls: Sequence[float]  #: sorted
    used: float  #: processor time of a request: ours, and PostgreSQL's for us


def requests(database: Database, *, now: datetime, flows: int) -> list[Took]:
    """Ask for each page some times, as somebody who is logged in.

    The catalogue is published under the generated names `flow-0`, `flow-1` and so on.
    """
    with database.write() as session:
        for number, flow in enumerate(CATALOGUE[:flows]):
            renamed = replace(flow, name=f"flow-{number}")
            publish(session, renamed, now=now, store_templates=_no_templates)
    return asyncio.run(_requests(database, now))


def _no_templates(_session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    del now
    return dict.fromkeys(names, "-")


async def _requests(database: Database, now: datetime) -> list[Took]:
    async with logged_in(database, now) as client:
        return [await _took(client, database, path) for path in PATHS]


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


async def _took(client: httpx.AsyncClient, database: Database, path: str) -> Took:
    first = await client.get(path)
    assert first.status_code == 200, (path, first.status_code)
    walls = []
    server, began = _server_seconds(database), time.process_time()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        await client.get(path)
        walls.append((time.perf_counter() - start) * 1000)
    used = time.process_time() - began + _server_seconds(database) - server
    return Took(path, sorted(walls), used * 1000 / ROUNDS)


def _server_seconds(database: Database) -> float:
    """Add up the processor time of PostgreSQL's processes for our connections."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with database.read() as session:
        pids = {str(pid): pid for pid in session.scalars(text(query))}
    return sum(cpu_seconds(pids).values())
