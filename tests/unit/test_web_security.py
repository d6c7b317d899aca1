"""What every reply carries, how large a request may be, and how often one source may ask."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.messages.links import answer_url, unsubscribe_url
from sekvens.web.app import create_app
from sekvens.web.limits import FORM_BYTES_MAX, LINKS, STRANGE
from sekvens.web.rates import Buckets, Rate, source_of
from tests.unit.serving import served, settings
from tests.unit.staffing import add_staff, browsing, quick_scrypt  # noqa: F401  a fixture

API = settings().api
PAGES = (
    unsubscribe_url(API, contact_id="c-1", message_id="m-1").removeprefix(API.public_url),
    answer_url(
        API, contact_id="c-1", message_id="m-1", question="still-interested", answer="yes"
    ).removeprefix(API.public_url),
    "/u/unknown", "/docs", "/staff/login",
)  # fmt: skip
OTHERS = ("/health", "/openapi.json", "/nothing", "/v1/track", "/staff")


@pytest.mark.parametrize("path", PAGES + OTHERS)
async def test_every_reply_carries_the_headers_that_browsers_ask_for(
    sqlite_database: Database, path: str
):
    async with served(sqlite_database) as client:
        headers = (await client.get(path)).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
    assert headers["cache-control"] == "no-store"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTIONS", "TRACE", "PROPFIND"])
async def test_so_does_a_refusal(sqlite_database: Database, method: str):
    async with served(sqlite_database) as client:
        reply = await client.request(method, "/v1/batch")

    assert reply.status_code == 405
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("url", "is_told"), [("https://post.shop.example", True),
                                              ("http://127.0.0.1:8080", False)])  # fmt: skip
async def test_browsers_are_told_to_stay_with_https_where_we_are_reached_by_it(
    sqlite_database: Database, url: str, *, is_told: bool
):
    async with served(sqlite_database, SEKVENS_API__PUBLIC_URL=url) as client:
        headers = (await client.get("/health")).headers

    assert ("strict-transport-security" in headers) == is_told


class Inline(HTMLParser):
    """What of a page could run: scripts, handlers, styles without the nonce, foreign sources."""

    def __init__(self, html: str, nonce: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._nonce = nonce
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in {"script", "iframe", "object", "embed", "base", "link"}:
            self.found.append(tag)
        if tag == "style" and given.get("nonce") != self._nonce:
            self.found.append("a style without the nonce")
        self.found += [name for name in given if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_has_code_in_it_nor_a_style_that_its_policy_does_not_know(
    sqlite_database: Database, path: str
):
    async with served(sqlite_database) as client:
        first, second = await client.get(path), await client.get(path)

    nonces = [nonce_of(reply) for reply in (first, second)]
    assert Inline(first.text, nonces[0]).found == []
    assert nonces[0] != nonces[1]


def nonce_of(reply: httpx.Response) -> str:
    found = re.search(r"nonce-([^']+)", reply.headers["content-security-policy"])
    return found[1] if found else ""


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"a" * 1024


@pytest.mark.parametrize("path", ["/u/x", "/a/x", "/staff/login"])
async def test_a_form_that_is_too_large_is_refused_announced_or_not(
    sqlite_database: Database, path: str
):
    async with served(sqlite_database) as client:
        announced = await client.post(path, content=b"a" * (FORM_BYTES_MAX + 1))
        streamed = await client.post(path, content=pieces(FORM_BYTES_MAX // 1024 + 1))

    assert announced.status_code == 413
    # A page that does not read the body answers without it.
    assert streamed.status_code in {413, 404, 403}


async def test_a_source_that_asks_for_links_without_end_is_told_to_wait(
    sqlite_database: Database,
):
    async with served(sqlite_database) as client:
        codes = [(await client.get("/u/x")).status_code for _ in range(int(STRANGE.burst) + 3)]
        ingress = await client.post("/v1/track", json={"userId": "a", "event": "x"})
        waiting = await client.get("/a/x")

    assert codes == [404] * int(STRANGE.burst) + [429] * 3
    assert int(waiting.headers["retry-after"]) >= 1
    assert ingress.status_code == 200


async def test_a_mail_providers_host_may_unsubscribe_hundreds_at_once(sqlite_database: Database):
    async with served(sqlite_database) as client:
        codes = {(await client.post(PAGES[0])).status_code for _ in range(100)}

    assert codes == {200}
    assert LINKS.burst >= 500


async def test_whoever_asks_from_elsewhere_is_not_kept_waiting(
    sqlite_database: Database, clock: FrozenClock
):
    app = create_app(settings(), sqlite_database, clock)

    async def ask(host: str, times: int) -> int:
        transport = httpx.ASGITransport(app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [(await client.get("/u/x")).status_code for _ in range(times)][-1]

    async with app.router.lifespan_context(app):
        assert await ask("192.0.2.1", int(STRANGE.burst) + 1) == 429
        assert await ask("192.0.2.2", 1) == 404


def test_a_bucket_fills_again_and_tells_how_long_it_takes():
    at = [0.0]
    buckets = Buckets(Rate(burst=2, per_second=0.5), seconds=lambda: at[0])
    taken = [buckets.take("a") for _ in range(3)]
    at[0] = 2.0

    assert taken == [0, 0, 2.0]
    assert buckets.wait("a") == 0
    assert buckets.take("a") == 0
    assert buckets.take("a") == 2.0


def test_only_so_many_sources_are_remembered():
    buckets = Buckets(Rate(burst=1, per_second=0.001), most=100)
    for number in range(1_000):
        buckets.take(str(number))

    assert len(buckets) == 100
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0


@pytest.mark.parametrize(
    ("host", "source"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("unix", "unknown"),
     (None, "unknown")],
)  # fmt: skip
def test_a_household_is_one_source(host, source):
    assert source_of(host) == source


@given(st.text())
def test_whatever_is_said_to_be_an_address_is_a_source(host: str):
    assert source_of(host)


async def test_a_name_that_looks_like_a_header_adds_none(
    sqlite_database: Database, clock: FrozenClock
):
    add_staff(sqlite_database)
    async with browsing(sqlite_database, clock) as browser:
        reply = await browser.log_in("doris\r\nSet-Cookie: x=y")

    assert "x=y" not in str(reply.headers)


async def test_every_reply_to_a_link_is_described(sqlite_database: Database):
    async with served(sqlite_database) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]

    assert set(paths["/u/{token}"]["post"]["responses"]) == {"200", "404", "413", "429", "503"}
