"""The pages about consent in Chromium: readable, reachable, on a phone, without a script."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sekvens.clock import SystemClock
from sekvens.contacts.tables import Consent
from sekvens.db.session import Database
from sekvens.messages.links import confirm_url, preferences_url, unsubscribe_url, view_url
from sekvens.sections import ApiSettings
from tests.conftest_browser import (  # noqa: F401  two are fixtures
    NOTHING,
    axe_finds,
    browser_page,
    chromium,
)
from tests.unit.ingesting import Shop, identify
from tests.unit.serving import settings
from tests.unit.serving_over_http import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LOCALES = ("sv", "en")
PAGES = ("preferences", "left", "confirm", "over", "subscribe", "problem", "view")
ADDRESS = "astrid@kund.example"


class Served:
    """The app on a port of this machine, with a contact of each language."""

    def __init__(self, database: Database, url: str) -> None:
        self.shop = Shop(database)
        self.url = url
        self._api = ApiSettings(public_url=self.url, link_secret=settings().api.link_secret)

    def contact(self, page: str, locale: str) -> str:
        user, address = f"{page}-{locale}", f"{page}.{locale}@kund.example"
        word = "Email Confirmation Requested" if page == "confirm" else "Email Subscribed"
        self.shop.now = SystemClock().now()
        self.shop.post(identify(user, locale=locale, email=address))
        told = {"type": "track", "event": word, "userId": user, "messageId": f"t-{user}"}
        self.shop.post(told)
        if page == "left":
            self.shop.post({**told, "event": "Unsubscribed", "messageId": f"l-{user}"})
        return user

    def link(self, page: str, locale: str) -> str:
        if page in ("subscribe", "problem"):
            return f"{self.url}/subscribe?locale={locale}"
        user = self.contact(page, locale)
        whose = {"contact_id": self.shop.contact_id(user), "message_id": "m-1"}
        if page in ("confirm", "over"):
            address = f"{page}.{locale}@kund.example"
            return confirm_url(self._api, **whose, address=address if page == "confirm" else "x")
        make = {"view": view_url, "unsubscribe": unsubscribe_url}.get(page, preferences_url)
        return make(self._api, **whose)


@pytest.fixture
def served(sqlite_database: Database) -> Iterator[Served]:
    with serving(sqlite_database) as app:
        yield Served(sqlite_database, app.url)


def open_on_a_phone(served: Served, browser: "Page", page: str, locale: str) -> None:
    browser.set_viewport_size({"width": 360, "height": 740})
    browser.goto(served.link(page, locale))
    if page == "problem":
        browser.fill("#email", "astrid@")
        browser.eval_on_selector("form", "form => { form.noValidate = true; }")
        browser.click("button")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_and_a_phone_scrolls_one_way(
    served: Served,
    browser_page: "Page",  # noqa: F811
    page: str,
    locale: str,
) -> None:
    open_on_a_phone(served, browser_page, page, locale)
    found = axe_finds(browser_page)
    targets = browser_page.locator("button, .choice, select, .field input").all()
    boxes = [box for target in targets if (box := target.bounding_box())]

    assert found == NOTHING
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 360
    assert all(box["height"] >= 44 for box in boxes)


def test_preferences_are_saved_by_keyboard_alone_and_said_so(
    served: Served,
    browser_page: "Page",  # noqa: F811
) -> None:
    browser_page.goto(served.link("preferences", "sv"))
    browser_page.focus("input[name=topic-news]")
    browser_page.keyboard.press("Space")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_selector("text=Sparat")
    whose = (served.shop.contact_id("preferences-sv"), "topic/news")
    with served.shop.database.read() as session:
        left = session.get_one(Consent, whose).status

    assert left == "unsubscribed"
    assert not browser_page.is_checked("input[name=topic-news]")


def test_a_sign_up_is_confirmed_without_a_script(
    served: Served,
    browser_page: "Page",  # noqa: F811
) -> None:
    browser_page.goto(served.link("subscribe", "en"))
    browser_page.fill("#email", ADDRESS)
    browser_page.check("input[name=consent]")
    browser_page.click("button")
    asked = browser_page.text_content("h1")
    browser_page.goto(served.link("confirm", "en"))
    browser_page.click("button")

    assert asked == "Look in your inbox"
    assert browser_page.text_content("h1") == "Thank you. We shall write to you."
    assert served.shop.consent("confirm-en") == "subscribed"
