"""The overview, flows and contacts in Chromium: on a phone and wide, light and dark."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.staff.tables import Role
from sekvens.web.app import create_app
from tests.conftest_browser import NOTHING, axe_finds, browser_page, chromium  # noqa: F401
from tests.unit.dashboarding import fill
from tests.unit.ingesting import NOON
from tests.unit.serving import settings
from tests.unit.staffing import PASSWORD, add_staff, quick_scrypt  # noqa: F401  a fixture

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
#: How wide, in which language.
LOOKS = [(360, "sv"), (1600, "en")]


@pytest.fixture
def url(sqlite_file: Path, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a shop in the middle of its day; tell where, and its contacts' ids."""
    database = Database(f"sqlite:///{shutil.copy(sqlite_file, tmp_path / 'sekvens.db')}")
    ids = fill(database, settings())
    add_staff(database, "doris", role=Role.OPERATOR)
    listener = socket.create_server(("127.0.0.1", 0))
    where = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(settings(SEKVENS_API__PUBLIC_URL=where), database, FrozenClock(NOON))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield where, ids
    server.should_exit = True
    thread.join()
    listener.close()
    database.close()


def log_in(page: "Page", url: str, locale: str) -> None:
    page.set_extra_http_headers({"Accept-Language": locale})
    page.goto(f"{url}/staff")
    page.fill("#name", "doris")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_every_page_can_be_read_by_everybody_on_every_screen(
    url: tuple[str, dict[str, str]],
    browser_page: "Page",  # noqa: F811
) -> None:
    home, ids = url
    paths = ["", "/flows", "/flows/cart-abandonment", "/contacts", f"/contacts/{ids['bo']}",
             f"/contacts/{ids['nasty']}", "/do/stop-flow?flow=welcome"]  # fmt: skip
    complaints: list[str] = []
    browser_page.on("console", lambda said: complaints.append(said.text))
    for width, locale in LOOKS:
        browser_page.set_viewport_size({"width": width, "height": 800})
        browser_page.context.clear_cookies()
        log_in(browser_page, home, locale)
        for path in paths:
            browser_page.goto(f"{home}/staff{path}")

            assert axe_finds(browser_page) == NOTHING, path
            assert browser_page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert complaints == []


def test_a_flow_is_paused_from_its_page_by_keyboard(
    url: tuple[str, dict[str, str]],
    browser_page: "Page",  # noqa: F811
) -> None:
    home, _ = url
    log_in(browser_page, home, "en")
    browser_page.goto(f"{home}/staff/flows/cart-abandonment")
    browser_page.get_by_role("link", name="Pause").press("Enter")
    browser_page.wait_for_selector("#note")
    browser_page.fill("#note", "until the new stock is here")
    browser_page.get_by_role("button", name="Pause").press("Enter")
    browser_page.wait_for_selector("[role=status]")

    assert "is paused" in browser_page.inner_text("[role=status]")
    assert browser_page.get_by_role("link", name="Resume").is_visible()
