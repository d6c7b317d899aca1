"""Every e-mail as a reader sees it: light and dark, on a small screen, with pictures blocked."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sekvens.messages.compose import compose
from sekvens.messages.samples import PICTURES_PATH, sample_facts
from sekvens.messages.templates import read_sources, stored, template_names
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures
from tests.unit.composing import NOW, sample_shop

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "sekvens" / "sample_shop" / "pictures"
EMAILS = [
    (name, locale) for name in template_names() for locale in sorted(read_sources(name).sources)
]
CART_EMAILS = [email for email in EMAILS if email[0].startswith("cart-") and email[1] == "sv"]

#: Everything that shows text of its own, smaller than 16 px; the preheader is not displayed.
SMALL_TEXTS = """() => [...document.querySelectorAll('body *')].filter(element =>
    element.offsetParent !== null && parseFloat(getComputedStyle(element).fontSize) < 16
    && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
).map(element => element.textContent)"""


def ids(email: tuple[str, str]) -> str:
    return ".".join(email)


def show(page: "Page", email: tuple[str, str], *, pictures: bool = True, **changes: Any) -> None:
    """Show an e-mail; its pictures come from the sample shop, or not at all."""
    name, locale = email

    def picture(route: "Route") -> None:
        if pictures:
            route.fulfill(path=PICTURES / route.request.url.rpartition("/")[2])
        else:
            route.abort()

    facts = replace(sample_facts(sample_shop(), name=name, locale=locale, now=NOW), **changes)
    page.route(f"**{PICTURES_PATH}/*", picture)
    page.set_content(compose(stored(read_sources(name)), facts, shop=sample_shop()).html)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("email", EMAILS, ids=ids)
def test_axe_finds_nothing(browser_page: "Page", email, scheme):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    browser_page.emulate_media(color_scheme=scheme)
    show(browser_page, email)
    found = Axe().run(browser_page)

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("email", EMAILS, ids=ids)
def test_a_small_screen_shows_large_text_and_buttons_and_scrolls_one_way(
    browser_page: "Page",  # noqa: F811
    email,
):
    browser_page.set_viewport_size({"width": 360, "height": 740})
    show(browser_page, email)
    buttons = [button.bounding_box() for button in browser_page.locator("a.button").all()]

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 360
    assert browser_page.evaluate(SMALL_TEXTS) == []
    assert all(button and button["height"] >= 44 for button in buttons)


@pytest.mark.parametrize("email", EMAILS, ids=ids)
def test_it_reads_whole_with_pictures_blocked(browser_page: "Page", email):  # noqa: F811
    show(browser_page, email, pictures=False)
    without_pictures = browser_page.inner_text("body")
    boxes = [picture.bounding_box() for picture in browser_page.locator("img").all()]
    show(browser_page, email)

    assert without_pictures == browser_page.inner_text("body")
    assert all(box is None or box["height"] <= 100 for box in boxes), "a large hole"


@pytest.mark.parametrize("email", CART_EMAILS, ids=ids)
def test_long_words_do_not_push_a_small_screen_wide(browser_page: "Page", email):  # noqa: F811
    browser_page.set_viewport_size({"width": 360, "height": 740})
    facts = sample_facts(sample_shop(), name=email[0], locale=email[1], now=NOW)
    line = replace(facts.cart.lines[0], name="Ylleunderställströjafabrikationskontroll" * 2)
    show(browser_page, email, cart=replace(facts.cart, lines=(line, line)), first_name="W" * 40)

    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 360
