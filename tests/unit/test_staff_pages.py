"""Logging in to the dashboard: who gets in, what a cookie is worth, which forms are believed."""

from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.web.staff_words import language_of
from tests.unit.staffing import ORIGIN, PASSWORD, add_staff, browsing, quick_scrypt  # noqa: F401


@pytest.fixture
def staffed(sqlite_database: Database) -> Database:
    add_staff(sqlite_database)
    return sqlite_database


async def test_whoever_is_not_logged_in_is_shown_the_login_and_nothing_else(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        reply = await browser.look("/staff")

    assert (reply.status_code, reply.headers["location"]) == (303, "/staff/login")
    assert reply.text == ""


async def test_a_login_leads_to_the_first_page_under_another_session_id(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.look()
        before = browser.session_id
        reply = await browser.log_in()
        home = await browser.look("/staff")

        assert (reply.status_code, reply.headers["location"]) == (303, "/staff")
        assert browser.session_id != before
    assert 'doris <span class="soft">läsare</span>' in home.text
    assert home.headers["cache-control"] == "no-store"


async def test_the_cookie_is_for_our_host_alone_and_no_script_reads_it(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        cookie = (await browser.log_in()).headers["set-cookie"]

    assert cookie.startswith("__Host-sekvens-staff=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))
    assert "domain" not in cookie.lower()


async def test_on_this_machine_without_https_the_cookie_has_a_plain_name(
    staffed: Database, clock: FrozenClock
):
    url = "http://127.0.0.1:8080"
    async with browsing(staffed, clock, SEKVENS_API__PUBLIC_URL=url) as browser:
        cookie = (await browser.log_in(origin=url)).headers["set-cookie"]

    assert cookie.startswith("sekvens-staff=")
    assert "secure" not in cookie.lower()


async def test_by_http_to_another_machine_nobody_is_asked_for_a_password(
    staffed: Database, clock: FrozenClock
):
    url = "http://post.shop.example"
    async with browsing(staffed, clock, SEKVENS_API__PUBLIC_URL=url) as browser:
        reply = await browser.look()

    assert (reply.status_code, reply.json()["code"]) == (403, "https_only")


@pytest.mark.parametrize(("name", "password"), [("doris", "fel"), ("bengt", PASSWORD), ("", "")])
async def test_what_was_wrong_is_not_told(
    staffed: Database, clock: FrozenClock, name: str, password: str
):
    async with browsing(staffed, clock) as browser:
        reply = await browser.log_in(name, password)

    assert reply.status_code == 401
    assert "Namnet eller lösenordet stämmer inte." in reply.text
    assert "bengt" not in reply.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", ORIGIN + ":8443"])
async def test_a_form_from_another_site_is_not_believed(
    staffed: Database, clock: FrozenClock, origin: str
):
    async with browsing(staffed, clock) as browser:
        reply = await browser.log_in(origin=origin)

    assert reply.status_code == 403
    assert "location" not in reply.headers


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_form_without_the_token_of_its_session_is_not_believed(
    staffed: Database, clock: FrozenClock, token: str
):
    async with browsing(staffed, clock) as browser:
        await browser.look()
        browser.token = token
        login = await browser.post("/staff/login", name="doris", password=PASSWORD)
        await browser.log_in()
        await browser.post("/staff/logout", form_token=token)

        assert login.status_code == 403
        assert (await browser.look("/staff")).status_code == 200


async def test_logging_out_ends_the_session_for_whoever_kept_the_cookie(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in()
        kept = browser.session_id
        await browser.look("/staff")
        await browser.post("/staff/logout")
        browser.client.cookies.set("__Host-sekvens-staff", kept, domain="post.shop.example")
        reply = await browser.look("/staff")

    assert reply.status_code == 303


async def test_a_session_that_is_over_leads_back_to_the_login(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in()
        clock.move(timedelta(minutes=31))

        assert (await browser.look("/staff")).headers["location"] == "/staff/login"


async def test_after_five_mistakes_a_name_waits_and_the_right_password_does_not_help(
    staffed: Database, clock: FrozenClock
):
    async with browsing(staffed, clock) as browser:
        codes = [(await browser.log_in(password="fel")).status_code for _ in range(5)]
        reply = await browser.log_in()

    assert codes == [401] * 5
    assert reply.status_code == 429
    assert 0 < int(reply.headers["retry-after"]) <= 181


async def test_one_source_cannot_try_many_names(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        await browser.look()
        codes = [
            (await browser.post("/staff/login", name=f"n{n}", password="x")).status_code
            for n in range(22)
        ]

    assert codes == [401] * 20 + [429] * 2


@pytest.mark.parametrize(
    ("accepted", "default", "language"),
    [("sv-SE,sv;q=0.9", "en", "sv"), ("de,en;q=0.5", "sv", "en"), ("", "sv-SE", "sv"),
     ("de", "de", "en"), (";;,,", "sv", "sv")],
)  # fmt: skip
def test_the_staff_is_answered_in_the_browsers_language(accepted, default, language):
    assert language_of(accepted, default=default) == language


async def test_the_api_does_not_describe_the_staff_pages(staffed: Database, clock: FrozenClock):
    async with browsing(staffed, clock) as browser:
        described = (await browser.client.get("/openapi.json")).json()

    assert not any(path.startswith("/staff") for path in described["paths"])
