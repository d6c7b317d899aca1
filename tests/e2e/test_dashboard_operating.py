"""Experiments, segments, offers, deliverability and operations in Chromium, with all they show."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sekvens.clock import FrozenClock, SystemClock
from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import SuppressionReason
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.experiments.plan import of_flow
from sekvens.feedback.kinds import ReportKind
from sekvens.flows.steps import Mode
from sekvens.modes.setting import set_mode
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import turn
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures
from tests.unit.experimenting import NAME, WITHIN, Laboratory, halves, with_experiment
from tests.unit.ingesting import NOON, track
from tests.unit.offering import POOL, Till
from tests.unit.relaying import World
from tests.unit.sending import PostOffice
from tests.unit.serving_over_http import serving
from tests.unit.staffing import PASSWORD
from tests.unit.test_operating import parked_ones
from tests.unit.test_reputation_periods import accept, report

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATHS = (
    "/staff/experiments",
    f"/staff/experiments/{NAME}",
    "/staff/experiments/cart",
    "/staff/segments",
    "/staff/segments/browsers?contact={contact}",
    "/staff/offers",
    "/staff/deliverability",
    "/staff/operations",
    "/staff/operations/parked?flow=letters&step=hello&code=template",
    "/staff/do/stop-everything",
)


def compare(database: Database) -> None:
    """Let an experiment and a holdout come to something, a fortnight ago."""
    clock = FrozenClock(SystemClock().now() - 14 * DAY)
    World(database, clock, with_experiment())
    laboratory = Laboratory(database, clock)
    groups = laboratory.many(220)
    laboratory.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    held = laboratory.many(300, by=of_flow(with_experiment(holdout=0.4)))
    laboratory.order(*held["holdout"][:22], *held["treated"][:120], after=HOUR)
    clock.move(WITHIN)
    laboratory.looker().look()


def wait(office: PostOffice) -> None:
    """Let messages wait, enrollments be parked, marketing be held, and mail bounce."""
    now = office.clock.now()
    parked_ones(office, "template", "offer_pool_empty", "template")
    with office.database.write() as session:
        set_mode(session, "letters", "", Mode.MANUAL, by="maja", note=None, now=now)
        turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note="2 of 40", now=now - DAY)
        quota = {"send_rate_max": 14, "day_max": 50_000, "sent_last_day": 1234}
        session.add(SesQuota(id=THE_ACCOUNT, asked_at=now, told_at=now, **quota))
        for number, reason in enumerate(("bounce", "bounce", "complaint", "inactive")):
            why = SuppressionReason(reason)
            suppress(session, f"a{number}@kund.example", reason=why, at=now, source="x")
    office.send(now=now, due_at=now, started_at=now)
    for number in range(40):
        accept(office, f"m-{number}")
    report(office, 1, "m-1", ReportKind.BOUNCED)
    report(office, 2, "m-2", ReportKind.COMPLAINED)
    report(office, 3, "m-3", ReportKind.FAILED, detail="5.7.26")


def fill(database: Database) -> str:
    """Fill a house with everything that the pages show; tell a contact's id."""
    now = SystemClock().now()
    compare(database)
    till = Till(database)
    till.stock("DORIS-A", "DORIS-B")
    till.claim("e-9", POOL, user="buyer", now=now)
    till.shop.now = now
    order = {"order_id": "o-1", "total": 400, "currency": "SEK", "coupon": "DORIS-A"}
    bought = track("Order Completed", "buyer", **order, discount=40)
    till.shop.post(bought | {"timestamp": now.isoformat()})
    seen = track("Product Viewed", "visitor", product_id="cap") | {"timestamp": now.isoformat()}
    till.shop.post(seen)
    office = PostOffice(database)
    office.later(now - NOON)
    wait(office)
    with database.write() as session:
        accounts.add(session, "doris", role=Role.OPERATOR, password=PASSWORD, now=now)
    return till.shop.contact_id("visitor")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder: Path = tmp_path_factory.mktemp("house")
    database = Database(f"sqlite:///{folder / 'sekvens.db'}")
    metadata.create_all(database.engine)
    contact_id = fill(database)
    with serving(database) as served:
        yield served.url, contact_id
    database.close()


def log_in(page: "Page", url: str, locale: str) -> None:
    page.set_extra_http_headers({"Accept-Language": locale})
    page.goto(f"{url}/staff/login")
    page.fill("#name", "doris")
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(360, "light", "sv"), (1600, "dark", "en")]
)
def test_every_page_can_be_read_by_everybody_and_fits(
    house: tuple[str, str],
    browser_page: "Page",  # noqa: F811
    width: int,
    scheme: str,
    locale: str,
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    url, contact_id = house
    browser_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    browser_page.set_viewport_size({"width": width, "height": 800})
    log_in(browser_page, url, locale)
    refused: list[str] = []
    browser_page.on("console", lambda said: refused.append(said.text))
    for path in PATHS:
        browser_page.goto(url + path.format(contact=contact_id))
        found = Axe().run(browser_page)
        wide = browser_page.evaluate("document.documentElement.scrollWidth")

        assert browser_page.locator("main h1").count() == 1, path
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert wide <= width, path
    assert refused == []  # nothing was against the policy


def test_what_is_live_comes_anew_and_leaves_the_keyboard_where_it_is(
    house: tuple[str, str],
    browser_page: "Page",  # noqa: F811
) -> None:
    url, _ = house
    log_in(browser_page, url, "en")
    browser_page.goto(f"{url}/staff/operations")
    browser_page.focus("#retry-1")
    browser_page.evaluate("document.querySelector('#parked h2').textContent = 'old'")
    browser_page.get_by_role("heading", name="Parked").wait_for()

    assert browser_page.evaluate("document.activeElement.id") == "retry-1"
