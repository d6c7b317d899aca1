"""The inbox of the local SES in Chromium: what a person sees, with and without scripts."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sekvens.sections import SesSettings
from sekvens.ses.client import SesClient
from sekvens.ses.local import LocalSes, LocalSesOptions, running_local_ses
from sekvens.ses.mime import Mail, assemble
from tests.conftest_browser import NOTHING, axe_finds

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SENDER = "maja@hallgrensylle.example"
HTML = """<!doctype html><html lang="sv"><head><meta charset="utf-8">
<meta name="color-scheme" content="light dark"><title>Hej</title><style>
body { background: #ffffff; color: #222222 }
@media (prefers-color-scheme: dark) { body { background: #101010; color: #eeeeee } }
</style></head><body style="font-family: sans-serif"><div style="display:none">Vi saknar dig</div>
<h1>Hej Anna</h1><p><a href="https://hallgrensylle.example/korg">Till korgen</a></p>
<script>document.title = "script ran"; document.body.id = "ran"</script></body></html>"""


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalSes]:
    with running_local_ses(tmp_path, LocalSesOptions(rate=1000)) as local:
        yield local


@pytest.fixture
def client(local: LocalSes) -> Iterator[SesClient]:
    client = SesClient(SesSettings(endpoint_url=local.url))
    yield client
    client.close()


def send(
    client: SesClient,
    *,
    recipient: str = "anna@kund.example",
    subject: str = "Dina strumpor saknar dig",
    step: str = "your-cart-misses-you",
    html: str = HTML,
) -> str:
    mail = Mail(
        sender_name="Maja på Hallgrens Ylle",
        sender_address=SENDER,
        recipient=recipient,
        subject=subject,
        text="Hej Anna!\n\nStrumporna ligger kvar.\n",
        html=html,
        headers={"List-Unsubscribe": "<https://hallgrensylle.example/u/" + "k" * 80 + ">"},
    )
    return client.send(
        raw=assemble(mail),
        sender=SENDER,
        recipient=recipient,
        tags={"flow": "cart-abandonment", "step": step},
        deadline=time.monotonic() + 5,
    )


def test_the_list_shows_the_newest_first_with_who_what_and_which_step(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    send(client)
    send(client, recipient="bounce@simulator.amazonses.com", subject="<b>Två</b> & en", step="last")
    browser_page.goto(local.url)

    newest, oldest = (row.inner_text() for row in browser_page.locator(".messages li").all())

    assert "<b>Två</b> & en" in newest
    assert "simulated bounce" in newest
    assert "cart-abandonment › your-cart-misses-you" in oldest  # noqa: RUF001
    assert "Vi saknar dig Hej Anna" in oldest
    assert "anna@kund.example from maja@hallgrensylle.example" in oldest


def test_new_mail_appears_by_itself_and_moves_neither_page_nor_focus(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    first = send(client)
    browser_page.goto(local.url)
    browser_page.evaluate("window.notReloaded = true")
    browser_page.locator(".messages a").focus()
    send(client, subject="Den andra")
    browser_page.get_by_text("Den andra").wait_for()

    assert browser_page.evaluate("window.notReloaded")
    assert browser_page.evaluate("document.activeElement.pathname") == f"/messages/{first}"
    assert browser_page.get_by_role("status").inner_text() == "1 new"


def test_the_first_mail_ever_appears_by_itself_too(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    browser_page.goto(local.url)
    assert browser_page.get_by_text("No e-mail yet").is_visible()

    send(client)

    browser_page.locator(".messages li").wait_for()
    assert not browser_page.get_by_text("No e-mail yet").is_visible()


@pytest.mark.parametrize(
    ("words", "found"),
    [("erik@", ["Två"]), ("misses", ["Ett"]), ("cart-abandonment", ["Två", "Ett"]), ("100%_", [])],
)
def test_a_search_finds_recipients_flows_and_steps(
    browser_page: "Page", local: LocalSes, client: SesClient, words: str, found: list[str]
) -> None:
    send(client, subject="Ett")
    send(client, subject="Två", recipient="erik@kund.example", step="last-word")
    browser_page.goto(local.url)
    browser_page.get_by_role("searchbox").fill(words)
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_url(re.compile("q="))

    assert browser_page.locator(".subject").all_inner_texts() == found


def test_everything_works_without_scripts(
    chromium: "Browser", local: LocalSes, client: SesClient
) -> None:
    send(client)
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(local.url)
    assert page.locator("noscript meta[http-equiv=refresh]").count() == 1
    page.get_by_role("link", name="Dina strumpor").click()
    page.get_by_role("link", name="Text").click()

    assert "Strumporna ligger kvar." in page.locator("pre").inner_text()
    page.context.close()


def test_the_keyboard_reaches_every_view_and_the_way_back(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    send(client)
    browser_page.goto(local.url)
    visited = []
    for name in ("Dina strumpor", "Text", "Headers", "Source", "HTML", "Dark", "← Inbox"):
        link = browser_page.get_by_role("link", name=name)
        for _ in range(20):
            browser_page.keyboard.press("Tab")
            if link.evaluate("link => link === document.activeElement"):
                break
        with browser_page.expect_navigation():
            browser_page.keyboard.press("Enter")
        visited.append(browser_page.url.removeprefix(local.url).rpartition("/")[2])

    assert visited[1:4] == ["text", "headers", "source"]
    assert visited[5].endswith("?scheme=dark")
    assert visited[-1] == ""


def test_an_email_runs_no_script_and_its_links_open_outside(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    ses_message_id = send(client)
    browser_page.goto(f"{local.url}/messages/{ses_message_id}")
    mail = browser_page.frame_locator("iframe")

    assert mail.locator("h1").inner_text() == "Hej Anna"
    assert mail.locator("body").get_attribute("id") is None
    assert mail.locator("base").get_attribute("target") == "_blank"
    with browser_page.context.expect_page() as opened:
        mail.get_by_text("Till korgen").click()
    assert opened.value is not browser_page


@pytest.mark.parametrize("system", ["light", "dark"])
def test_an_email_is_shown_light_or_dark_whatever_the_system_is(
    browser_page: "Page", local: LocalSes, client: SesClient, system: str
) -> None:
    address = f"{local.url}/messages/{send(client)}"
    browser_page.emulate_media(color_scheme="dark" if system == "dark" else "light")
    seen = []
    for query in ("", "?scheme=dark"):
        browser_page.goto(address + query)
        body = browser_page.frame_locator("iframe").locator("body")
        seen.append(body.evaluate("body => getComputedStyle(body).backgroundColor"))

    assert seen == ["rgb(255, 255, 255)", "rgb(16, 16, 16)"]


@pytest.mark.parametrize("width", [360, 1200])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    browser_page: "Page", local: LocalSes, client: SesClient, width: int
) -> None:
    browser_page.set_viewport_size({"width": width, "height": 800})
    found = {}
    for path in _every_page(local, client):
        browser_page.goto(local.url + path)
        found[path] = axe_finds(browser_page)
        assert browser_page.evaluate("document.documentElement.scrollWidth") <= width, path

    assert [each for each in found.items() if each[1] != NOTHING] == []


def test_no_page_breaks_its_own_policy_or_asks_another_host_for_anything(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    said: list[str] = []
    asked: list[str] = []
    browser_page.on("console", lambda message: said.append(message.text))
    browser_page.on("request", lambda request: asked.append(request.url))
    for path in _every_page(local, client, html=HTML.replace("<script>", "<!--").replace(
        "</script>", "-->")):  # fmt: skip
        answer = browser_page.goto(local.url + path)
        assert answer is not None
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]

    assert said == []
    assert [url for url in asked if not url.startswith(local.url)] == []


def _every_page(local: LocalSes, client: SesClient, html: str = HTML) -> Iterator[str]:
    yield "/"
    ses_message_id = send(client, subject="Passar storleken? " * 6, html=html)
    send(client, recipient="en.lang.adress" * 4 + "@underdoman.foretaget.example", html=html)
    local.faults.arm("throttle", count=2, recipient="erik@kund.example")
    yield from ("/", "/?q=anna", "/?q=nobody")
    for view in ("", "?scheme=dark", "/text", "/headers", "/source"):
        yield f"/messages/{ses_message_id}{view}"


def test_a_button_does_as_the_reader_would_and_the_page_says_what_ses_has_told(
    browser_page: "Page", local: LocalSes, client: SesClient
) -> None:
    message = send(client)
    browser_page.goto(f"{local.url}/messages/{message}")
    browser_page.select_option("select", "https://hallgrensylle.example/korg")
    for button in ("Click", "Complain"):
        browser_page.click(f".deeds button:text-is('{button}')")
        browser_page.wait_for_url(f"{local.url}/messages/{message}")
    told = browser_page.locator("dt:text-is('SES told') + dd").inner_text().split()

    assert told == ["Send", "Delivery", "Click", "Complaint"]
