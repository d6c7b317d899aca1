"""The pages of e-mails in Chromium: readable by everybody, and shown as one types."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.web.app import create_app
from tests.conftest import NOON
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures
from tests.unit.editing import NAME, Repository
from tests.unit.serving import settings
from tests.unit.staffing import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PATHS = (
    "/staff/emails",
    f"/staff/emails/{NAME}",
    f"/staff/emails/{NAME}?light=text",
    f"/staff/emails/{NAME}/edit?key=sv",
    f"/staff/emails/{NAME}/history",
)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, Repository]]:
    """Serve the dashboard of a shop with one flow, whose e-mail has been edited once already."""
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    with database.write() as session:
        accounts.add(session, "doris", role=Role.EDITOR, password=PASSWORD, now=NOON)
    repository = Repository(database, folder)
    repository.publish()
    repository.save(repository.edited("Vi ses i vår."))
    repository.publish_edit()
    listener = socket.create_server(("127.0.0.1", 0))
    where = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(settings(SEKVENS_API__PUBLIC_URL=where), database, SystemClock())
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield where, repository
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        database.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Repository]]:
    with serving(tmp_path_factory.mktemp("emails")) as served:
        yield served


@pytest.fixture(scope="module")
def page(shop: tuple[str, Repository], chromium: "Browser") -> Iterator["Page"]:  # noqa: F811
    """A page of somebody who is logged in."""
    context = chromium.new_context(locale="sv")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{shop[0]}/staff/login")
    page.fill("#name", "doris")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    yield page
    context.close()


@pytest.mark.parametrize("path", PATHS)
def test_everybody_can_read_it_by_day_and_night_on_every_screen(
    shop: tuple[str, Repository], page: "Page", path: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto(f"{shop[0]}{path}")
    for scheme, width in (("light", 1600), ("dark", 360)):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, context={"exclude": [["iframe"]]})

        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_typed_is_kept_and_shown_and_a_fault_is_told(
    shop: tuple[str, Repository], page: "Page"
) -> None:
    url, repository = shop
    page.goto(f"{url}/staff/emails/{NAME}/edit?key=sv")
    page.fill("#source", repository.edited("Det doftar vår."))
    page.wait_for_selector("#state .notice:not(.bad)")
    frame = page.frame_locator("#preview iframe")
    frame.get_by_text("Det doftar vår.").wait_for()
    page.fill("#source", repository.edited("{{ nosuch }}"))
    page.wait_for_selector("#state .notice.bad li")

    assert "nosuch" in page.inner_text("#state")
    assert page.locator("#state a[href*='publish-email']").count() == 0
