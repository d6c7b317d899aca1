"""The quarterly board in Chromium: readable, narrow and wide, by day and by night, on paper."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.metrics.bold import BOLD
from sekvens.settings import SAMPLE_SHOP
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.web.app import create_app
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures
from tests.unit import boarding
from tests.unit.serving import settings
from tests.unit.staffing import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
#: Flows of a shop that gives them long names.
LONG = tuple(f"a-flow-of-a-very-long-name-that-says-it-all-{nth}" for nth in range(8))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a shop of whose every metric there is a target, and more flows than are shown."""
    folder = tmp_path_factory.mktemp("board")
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    with database.write() as session:
        accounts.add(session, "doris", role=Role.VIEWER, password=PASSWORD, now=NOW)
    boarding.fill(database, flows=LONG)
    listener = socket.create_server(("127.0.0.1", 0))
    where = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(
        settings(SEKVENS_SETTINGS=_with_targets(folder), SEKVENS_API__PUBLIC_URL=where),
        database,
        FrozenClock(NOW),
    )
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield where
    server.should_exit = True
    thread.join()
    listener.close()
    database.close()


def _with_targets(folder: Path) -> str:
    targets = "\n".join(f"{name} = 0.3" for name in BOLD)
    file = folder / "sekvens.toml"
    file.write_text(f"{SAMPLE_SHOP.read_text('utf-8')}\n[metrics.targets]\n{targets}\n", "utf-8")
    return str(file)


def opened(page: "Page", url: str, *, locale: str) -> None:
    page.set_extra_http_headers({"Accept-Language": locale})
    page.goto(f"{url}/staff/login")
    page.fill("#name", "doris")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.goto(f"{url}/staff/board")
    assert page.locator(".metric").count() == len(BOLD)


@pytest.mark.parametrize(("scheme", "locale"), [("light", "sv"), ("dark", "en")])
def test_it_can_be_read_on_a_phone_and_on_a_wide_screen(
    url: str,
    browser_page: "Page",  # noqa: F811
    scheme: str,
    locale: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    browser_page.emulate_media(color_scheme=scheme)
    opened(browser_page, url, locale=locale)
    for width in (360, 1600):
        browser_page.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(browser_page)

        assert found.violations_count == 0, found.generate_report()
        assert browser_page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_it_prints_on_two_pages(
    url: str,
    browser_page: "Page",  # noqa: F811
    locale: str,
) -> None:
    opened(browser_page, url, locale=locale)
    paper = browser_page.pdf(prefer_css_page_size=True)

    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 2
    assert b"/MediaBox [0 0 594.95996 841.91998]" in paper or b"/MediaBox [0 0 595" in paper
