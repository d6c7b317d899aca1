"""The dashboard of a shop with a great many messages: every page in Chromium, and what it costs.

200,000 messages in `make test`, a million in `make million`, and all that belongs to them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from bench.dashboard import Took, requests
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.web.dashboard.pages import PAGES
from tests.chaos.scale import pick
from tests.chaos.verdicts import record
from tests.conftest_browser import NOTHING, axe_finds, chromium, sheet  # noqa: F401  fixtures
from tests.e2e.million import NOW, SHOP, count, filled
from tests.e2e.test_dashboard_in_chromium import Desk
from tests.unit.serving_over_http import serving
from tests.unit.staffing import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
FLOW: Final = "cart-abandonment"
STEP: Final = "your-cart-misses-you"
EMAIL: Final = f"{FLOW}/{STEP}"
PARKED: Final = "enrollments WHERE state = 'parked'"
UNDER_WAY: Final = "enrollments WHERE state <> 'ended'"
#: What each page says, and of how many, where `{}` is the number of some rows.
SAYS: Final[Mapping[str, tuple[str, str]]] = {
    "/staff": ("{} parked enrollments", PARKED),
    "/staff?days=365": ("{}", UNDER_WAY),
    "/staff/flows": ("{} parked", f"{PARKED} AND flow = '{FLOW}'"),
    f"/staff/flows/{FLOW}": ("{}", f"{UNDER_WAY} AND flow = '{FLOW}'"),
    f"/staff/flows/{FLOW}?days=365": ("{} parked", f"{PARKED} AND flow = '{FLOW}'"),
    "/staff/contacts": ("Seen lately", ""),
    "/staff/contacts/c-7": ("Older", ""),
    "/staff/emails?flow=all": ("still-thinking", ""),
    f"/staff/emails?flow={FLOW}": (STEP, ""),
    f"/staff/emails/{EMAIL}": (f"Sent by {FLOW}", ""),
    f"/staff/emails/{EMAIL}/edit?key=sv": ("reaches nobody before it is published", ""),
    f"/staff/emails/{EMAIL}/history": ("What changed", ""),
    "/staff/experiments": ("{}", "draws WHERE experiment = 'welcome/way'"),
    "/staff/experiments/welcome/way": ("{}", "draws WHERE experiment = 'welcome/way'"),
    "/staff/experiments/welcome": ("{}", "draws WHERE experiment = 'welcome'"),
    "/staff/segments": ("Entered, 7 days", ""),
    "/staff/segments/browsers?contact=c-7": ("10 contacts, in the order of their ids.", ""),
    "/staff/segments/bouncing": ("Contacts in it now", ""),
    "/staff/segments/vip": ("10 contacts, in the order of their ids.", ""),
    "/staff/offers": ("{}", "redemptions WHERE offer = 'welcome'"),
    "/staff/deliverability": ("{}", "suppressions WHERE reason = 'bounce'"),
    "/staff/operations": ("{}", "messages WHERE state = 'pending'"),
    f"/staff/operations/parked?flow={FLOW}&step={STEP}&code=template": (
        "50 of {} are shown.",
        f"{PARKED} AND parked_code = 'template' AND flow = '{FLOW}' AND step_id = '{STEP}'",
    ),
    "/staff/board": ("The quarter is not over", ""),
    "/staff/reviews": ("What customers wrote about products", ""),
    "/staff/privacy": ("By ids and counts alone", ""),
    "/staff/audit": ("Older", ""),
    "/staff/do/stop-everything": ("{} enrollments are under way", UNDER_WAY),
    f"/staff/do/stop-flow?flow={FLOW}": ("{}", f"{UNDER_WAY} AND flow = '{FLOW}'"),
}
#: An e-mail as its own document is shown in a frame, where no script may look at it.
FRAMED: Final = f"/staff/emails/{EMAIL}/html"
#: Hands out a file, which no browser shows.
FILE: Final = "/staff/privacy/{certificate}"
_ABORTED: Final = "net::ERR_FAILED"
#: ms of processor time: a page's goal is 300. What is kept for a while may take longer once.
USED_MAX, FIRST_MAX = 1_500, 10_000
#: A page of this many bytes is at hand on a telephone, too.
BYTES_MAX: Final = 150_000


class House(NamedTuple):
    """A shop's database, and what each page of it has cost."""

    database: Database
    took: Mapping[str, Took]


@pytest.fixture(scope="module")
def house(postgres_url: str) -> Iterator[House]:
    """Measured before there is a browser, which would be measured along."""
    with filled(postgres_url) as database:
        took = requests(database, now=NOW, paths=[*SAYS, FRAMED], rounds=pick(short=1, long=5))
        with database.write() as session:
            accounts.add(session, "doris", role=Role.OPERATOR, password=PASSWORD, now=NOW)
        yield House(database, {each.path: each for each in took})


@pytest.fixture(scope="module")
def desk(house: House, sheet: "Page") -> Iterator[Desk]:  # noqa: F811
    with serving(house.database, FrozenClock(NOW)) as served:
        yield Desk(sheet, served.url, {})


@pytest.fixture(scope="module")
def complaints(sheet: "Page") -> list[str]:  # noqa: F811
    """List what Chromium says against a page: of its policy, for one.

    Not that another machine, which has an e-mail's pictures, cannot be reached from this sheet.
    """
    said: list[str] = []
    sheet.on("console", lambda message: _ABORTED in message.text or said.append(message.text))
    return said


@pytest.mark.parametrize("path", [*SAYS, FRAMED])
def test_a_page_of_a_shop_with_a_million_messages_costs_little(house: House, path: str) -> None:
    took = house.took[path]
    record(
        "million", path, messages=SHOP.messages, processor_ms=took.used, first_ms=took.first,
        kilobytes=took.size / 1000,
    )  # fmt: skip

    assert took.used < USED_MAX
    assert took.first < FIRST_MAX
    assert took.size < BYTES_MAX


@pytest.mark.parametrize("path", SAYS)
def test_a_page_of_a_shop_with_a_million_messages_can_be_read(
    house: House, desk: Desk, complaints: list[str], path: str
) -> None:
    said, rows = SAYS[path]
    wanted = said.format(f"{count(house.database, rows):,}" if rows else "")
    complaints.clear()
    page = desk.open(path)

    assert wanted in re.sub(r"\s+", " ", page.inner_text("body"))
    assert page.locator("h1").count() == 1
    assert axe_finds(page, leave_out=["iframe"]) == NOTHING
    assert complaints == []


@pytest.mark.parametrize("name", ["kund.4711@kund.example", "user_id-4711", "c-4711"])
def test_one_contact_of_many_is_found_by_whatever_name(desk: Desk, name: str) -> None:
    page = desk.open("/staff/contacts")
    page.fill("#name", name)
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert page.locator("[role=status] a[href='/staff/contacts/c-4711']").count() == 1


def test_every_page_is_among_those_that_are_looked_at() -> None:
    looked_at = [re.sub(r"\?.*", "", path) for path in (*SAYS, FRAMED)]
    patterns = (
        re.sub(r"\{\w+(:path)?\}", "[^?]+", page.path) for page in PAGES if page.path != FILE
    )
    missed = [each for each in patterns if not any(re.fullmatch(each, path) for path in looked_at)]

    assert missed == []
