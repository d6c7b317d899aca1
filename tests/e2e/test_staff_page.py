"""The staff pages in Chromium: readable, reachable by keyboard, on a phone, without a script."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.reviews.tables import Review
from sekvens.staff import accounts
from sekvens.staff.tables import Role
from tests.conftest_browser import (  # noqa: F401  two are fixtures
    NOTHING,
    axe_finds,
    browser_page,
    chromium,
)
from tests.unit.ingesting import Shop, identify
from tests.unit.serving_over_http import serving
from tests.unit.staffing import PASSWORD

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def fill(database: Database) -> None:
    shop = Shop(database)
    shop.post(identify("astrid", locale="sv"))
    contact_id = shop.contact_id("astrid")
    with database.write() as session:
        accounts.add(session, "doris", role=Role.OPERATOR, password=PASSWORD, now=NOW)
        session.add(
            Review(
                id="r-1", product_id="p", contact_id=contact_id, author="A", rating=5, text="Fin.",
                written_on=NOW, source="import", state="pending", changed_at=NOW,
            )
        )  # fmt: skip
        session.add(parked(contact_id))


def parked(contact_id: str) -> Enrollment:
    return Enrollment(
        id="e-1", flow="cart-abandonment", flow_version=1, contact_id=contact_id, workflow_id="w-1",
        state=EnrollmentState.PARKED, step_id="your-cart-misses-you", parked_code="template",
        parked_at=NOW, started_at=NOW,
    )  # fmt: skip


@pytest.fixture
def url(sqlite_database: Database) -> Iterator[str]:
    fill(sqlite_database)
    with serving(sqlite_database) as app:
        yield app.url


def log_in(page: "Page", url: str, *, locale: str = "sv", password: str = PASSWORD) -> None:
    page.set_extra_http_headers({"Accept-Language": locale})
    page.goto(f"{url}/staff")
    page.fill("#name", "doris")
    page.fill("#password", password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


@pytest.mark.parametrize("locale", ["sv", "en"])
def test_axe_finds_nothing_on_any_staff_page(
    url: str,
    browser_page: "Page",  # noqa: F811
    locale: str,
) -> None:
    log_in(browser_page, url, locale=locale, password="wrong")
    refused = axe_finds(browser_page)
    log_in(browser_page, url, locale=locale)
    home = axe_finds(browser_page)

    assert "cart-abandonment" in browser_page.content()
    assert (refused, home) == (NOTHING, NOTHING)


def test_it_fits_a_phone_and_everything_is_large_enough_to_touch(
    url: str,
    browser_page: "Page",  # noqa: F811
) -> None:
    browser_page.set_viewport_size({"width": 360, "height": 740})
    log_in(browser_page, url)
    touched = [box.bounding_box() for box in browser_page.locator("button").all()]

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 360
    assert all(box and min(box["width"], box["height"]) >= 44 for box in touched)


def test_logging_out_by_keyboard_leads_back_to_the_login(
    url: str,
    browser_page: "Page",  # noqa: F811
) -> None:
    log_in(browser_page, url)
    browser_page.focus("button")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_selector("#password")

    browser_page.goto(f"{url}/staff")
    assert browser_page.url == f"{url}/staff/login"
