"""The dashboard in Chromium: each page full, empty and in trouble, on every screen, in any light.

One app for each state, and one browser page. Whoever is not logged in yet is, on the way.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from sqlalchemy import update

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.metrics.bold import BOLD
from sekvens.settings import SAMPLE_SHOP
from sekvens.staff import accounts
from sekvens.staff.tables import Role, StaffMember, StaffSession
from sekvens.web.dashboard.pages import PAGES, SECTIONS
from tests.conftest_browser import NOTHING, axe_finds, chromium, english_in, sheet  # noqa: F401
from tests.e2e import houses
from tests.e2e.houses import House
from tests.unit.editing import NAME as EMAIL
from tests.unit.experimenting import NAME as EXPERIMENT
from tests.unit.ingesting import NOON
from tests.unit.serving_over_http import serving
from tests.unit.staffing import PASSWORD
from tests.unit.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
PHONE, WIDE = 360, 1600
#: Every page as it is when there is something to show; `{long}` and the like are contacts' ids.
FULL: Final = (
    "/staff",
    "/staff/flows",
    "/staff/flows/cart-abandonment",
    "/staff/contacts",
    "/staff/contacts/{bo}",
    "/staff/contacts/{nasty}",
    "/staff/contacts/{long}",
    "/staff/contacts/{all}",
    "/staff/contacts/{gone}",
    "/staff/emails?flow=cart-abandonment",
    f"/staff/emails/{EMAIL}",
    f"/staff/emails/{EMAIL}?light=text",
    f"/staff/emails/{EMAIL}/edit?key=sv",
    f"/staff/emails/{EMAIL}/history",
    "/staff/experiments",
    f"/staff/experiments/{EXPERIMENT}",
    "/staff/experiments/cart",
    "/staff/segments",
    "/staff/segments/browsers?contact={visitor}",
    "/staff/offers",
    "/staff/reviews",
    "/staff/reviews?state=approved",
    "/staff/privacy",
    "/staff/deliverability",
    "/staff/operations",
    "/staff/operations/parked?flow=letters&step=hello&code=template",
    "/staff/board",
    "/staff/audit",
    "/staff/do/stop-everything",
    "/staff/do/stop-flow?flow=*",
    "/staff/do/approve-reviews?review=r-0&review=r-1&until=2000000000",
    "/staff/do/erase-contact?contact={bo}",
    "/staff/do/erase-contact?contact={gone}",
    "/staff/do/export-contact?contact={bo}",
)
#: Pages that are there when nothing is.
EMPTY: Final = (*(path for _, path in SECTIONS), "/staff/segments/browsers")
#: What is not there, or not for everybody.
TROUBLE: Final = {"/staff/flows/no-such-flow": 404, "/staff/contacts/c-nobody": 404}
_FITS: Final = "document.documentElement.scrollWidth"


class Desk:
    """A member of the staff at a house's dashboard."""

    def __init__(self, page: "Page", url: str, ids: dict[str, str]) -> None:
        self.page, self.url, self.ids = page, url, ids

    def open(self, path: str, *, locale: str = "en") -> "Page":
        """Open a page; whoever is asked to log in does."""
        self.page.set_extra_http_headers({"Accept-Language": locale})
        self.page.goto(self.url + path.format(**self.ids))
        if self.page.url.endswith("/staff/login"):
            log_in(self.page)
            self.page.goto(self.url + path.format(**self.ids))
        return self.page


def log_in(page: "Page") -> None:
    page.fill("#name", "doris")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def complaints(sheet: "Page") -> list[str]:  # noqa: F811
    """List what Chromium says against a page: of its policy, for one."""
    said: list[str] = []
    sheet.on("console", lambda message: said.append(message.text))
    return said


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("full")
    database = _database(folder)
    yield houses.fill(database, folder)
    database.close()


@pytest.fixture(scope="module")
def url(made: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    targets = "\n".join(f"{name} = 0.3" for name in BOLD)
    file = tmp_path_factory.mktemp("settings") / "sekvens.toml"
    file.write_text(f"{SAMPLE_SHOP.read_text('utf-8')}\n[metrics.targets]\n{targets}\n", "utf-8")
    with serving(made.database, FrozenClock(NOON), SEKVENS_SETTINGS=str(file)) as served:
        yield served.url


@pytest.fixture(scope="module")
def full(url: str, made: House, sheet: "Page", complaints: list[str]) -> Desk:  # noqa: F811
    del complaints
    return Desk(sheet, url, made.ids)


@pytest.fixture(scope="module")
def empty(sheet: "Page", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:  # noqa: F811
    with ExitStack() as stack:
        database = _database(tmp_path_factory.mktemp("empty"))
        stack.callback(database.close)
        served = stack.enter_context(serving(database, FrozenClock(NOON)))
        yield Desk(sheet, served.url, {})


@pytest.fixture(scope="module")
def broken(sheet: "Page", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:  # noqa: F811
    """A house whose database has lost everything but the staff."""
    with ExitStack() as stack:
        database = _database(tmp_path_factory.mktemp("broken"))
        stack.callback(database.close)
        staff = {StaffMember.__tablename__, StaffSession.__tablename__}
        lost = [table for table in metadata.sorted_tables if table.name not in staff]
        metadata.drop_all(database.engine, tables=lost)
        served = stack.enter_context(serving(database, FrozenClock(NOON)))
        yield Desk(sheet, served.url, {})


def _database(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    with database.write() as session:
        accounts.add(session, "doris", role=Role.OPERATOR, password=PASSWORD, now=NOON)
    return database


def is_readable(page: "Page", where: str) -> None:
    """Check that everybody can read a page: by day and by night, on a phone and wide."""
    for width in (WIDE, PHONE):
        page.set_viewport_size({"width": width, "height": 900})

        assert page.evaluate(_FITS) <= width, where
    assert axe_finds(page, leave_out=["iframe"]) == NOTHING, where
    assert page.locator("main h1").count() == 1, where


@pytest.mark.parametrize("path", FULL)
def test_a_page_that_is_full_can_be_read_by_everybody(
    full: Desk, complaints: list[str], path: str
) -> None:
    complaints.clear()
    page = full.open(path, locale="sv")

    is_readable(page, path)
    assert english_in(page) == [], path
    assert complaints == []  # nothing was against the policy


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_that_is_empty_says_so_and_can_be_read_by_everybody(empty: Desk, path: str) -> None:
    page = empty.open(path)

    is_readable(page, path)
    assert page.locator(".empty, .lead").count() >= 1, path


def test_a_page_without_its_database_says_so_in_a_sentence(broken: Desk) -> None:
    page = broken.open("/staff")
    replies = [page.request.get(broken.url + path) for path in EMPTY]

    is_readable(page, "no database")
    assert "The database did not answer." in page.inner_text("main")
    assert [reply.status for reply in replies] == [503] * len(EMPTY)


@pytest.mark.parametrize("path", TROUBLE)
def test_what_is_not_there_is_said_in_a_sentence(full: Desk, path: str) -> None:
    page = full.open(path)

    is_readable(page, path)
    assert page.request.get(full.url + path).status == TROUBLE[path]


def test_every_page_is_among_those_that_are_looked_at() -> None:
    looked_at = [re.sub(r"\?.*", "", path) for path in FULL]
    patterns = {page.path: re.sub(r"\{\w+(:path)?\}", "[^?]+", page.path) for page in PAGES}
    missed = [
        path
        for path, pattern in patterns.items()
        if not any(re.fullmatch(pattern, each) for each in looked_at)
    ]

    # The one is shown in a frame, the other is a file.
    assert missed == ["/staff/emails/{flow}/{step}/html", "/staff/privacy/{certificate}"]


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_the_board_prints_on_two_pages(full: Desk, locale: str) -> None:
    page = full.open("/staff/board", locale=locale)
    paper = page.pdf(prefer_css_page_size=True)

    assert page.locator(".metric").count() == len(BOLD)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 2
    assert b"/MediaBox [0 0 594.95996 841.91998]" in paper or b"/MediaBox [0 0 595" in paper


def test_what_is_under_way_changes_before_ones_eyes(full: Desk, made: House) -> None:
    page = full.open("/staff/flows/cart-abandonment")
    page.evaluate("window.kept = true")
    before = page.locator("#now .figure").first.inner_text()
    with made.database.write() as session:
        moves = update(Enrollment).where(Enrollment.id == "d-2")
        session.execute(moves.values(state=EnrollmentState.ENDED, exit_reason="completed"))
    page.wait_for_function(
        "was => document.querySelector('#now .figure').innerText !== was", arg=before
    )

    assert page.evaluate("window.kept")
    assert page.locator("#steps .stands").count() == 0


def test_what_comes_anew_leaves_the_keyboard_where_it_is(full: Desk) -> None:
    page = full.open("/staff/operations")
    page.focus("#retry-1")
    page.evaluate("document.querySelector('#parked h2').textContent = 'old'")
    page.get_by_role("heading", name="Parked").wait_for()

    assert page.evaluate("document.activeElement.id") == "retry-1"


def test_a_flow_is_paused_from_its_page_by_keyboard(full: Desk) -> None:
    page = full.open("/staff/flows/welcome")
    page.get_by_role("link", name="Pause").press("Enter")
    page.wait_for_selector("#note")
    page.fill("#note", "until the new stock is here")
    page.get_by_role("button", name="Pause").press("Enter")
    page.wait_for_selector("[role=status]")

    assert "is paused" in page.inner_text("[role=status]")
    assert "until the new stock is here" in page.inner_text("#now")
    assert page.get_by_role("link", name="Resume").is_visible()


def test_what_is_typed_is_kept_and_shown_and_a_fault_is_told(full: Desk, made: House) -> None:
    page = full.open(f"/staff/emails/{EMAIL}/edit?key=sv")
    page.fill("#source", made.repository.edited("Det doftar vår."))
    page.wait_for_selector("#state .notice:not(.bad)")
    page.frame_locator("#preview iframe").get_by_text("Det doftar vår.").wait_for()
    page.fill("#source", made.repository.edited("{{ nosuch }}"))
    page.wait_for_selector("#state .notice.bad li")

    assert "nosuch" in page.inner_text("#state")
    assert page.locator("#state a[href*='publish-email']").count() == 0


def test_without_a_script_everything_is_shown_and_done(
    chromium: "Browser",  # noqa: F811
    url: str,
    made: House,
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE * 1000)
    desk = Desk(context.new_page(), url, made.ids)
    for path in FULL:
        page = desk.open(path)

        assert page.locator("main h1").count() == 1, path
    page = desk.open("/staff/operations")
    page.click("#stop-everything")
    page.click("main button[type=submit]")

    assert "none leaves any more" in page.inner_text("[role=status]")
    assert "everything" in page.inner_text("#held table")
    context.close()
