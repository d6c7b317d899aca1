"""The staff in a test: an account, and a browser that has seen the login page."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.staff import accounts, passwords
from sekvens.staff.tables import Role
from sekvens.web.app import create_app
from tests.unit.ingesting import NOON
from tests.unit.serving import settings

PASSWORD = "trettio får i hagen"
ORIGIN = "https://post.shop.example"


@pytest.fixture(autouse=True)
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at a five-hundredth of the cost, which is there to be high; one test has it in full."""
    monkeypatch.setattr(passwords, "_N", 2**8)
    monkeypatch.setattr(passwords, "_P", 1)
    monkeypatch.setattr(accounts, "NOBODYS", passwords.NOBODYS.replace("32768$8$3", "256$8$1"))


def add_staff(database: Database, name: str = "doris", *, role: Role = Role.VIEWER) -> None:
    with database.write() as session:
        accounts.add(session, name, role=role, password=PASSWORD, now=NOON)


class Browser:
    """Posts forms as a browser would: with the cookie, the form's token and an Origin."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def look(self, path: str = "/staff/login") -> httpx.Response:
        reply = await self.client.get(path)
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', reply.text)
        self.token = found[1] if found else ""
        return reply

    async def post(self, path: str, *, origin: str = ORIGIN, **form: str) -> httpx.Response:
        data = {"form_token": self.token} | form
        return await self.client.post(path, data=data, headers={"Origin": origin})

    async def log_in(
        self, name: str = "doris", password: str = PASSWORD, *, origin: str = ORIGIN
    ) -> httpx.Response:
        await self.look()
        return await self.post("/staff/login", name=name, password=password, origin=origin)

    @property
    def session_id(self) -> str:
        return self.client.cookies["__Host-sekvens-staff"]


@asynccontextmanager
async def browsing(
    database: Database, clock: FrozenClock, *, address: str = "192.0.2.7", **changes: str
) -> AsyncIterator[Browser]:
    """Open the app, reached by https, in a browser without cookies."""
    changes = {"SEKVENS_API__PUBLIC_URL": ORIGIN} | changes
    app = create_app(settings(**changes), database, clock)
    transport = httpx.ASGITransport(app, client=(address, 1234))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=changes["SEKVENS_API__PUBLIC_URL"]) as it,
    ):
        yield Browser(it)
