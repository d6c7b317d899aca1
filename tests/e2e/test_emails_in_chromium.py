"""Every e-mail as a reader sees it: light and dark, on a small screen, with pictures blocked.

Each is shown once, on one page that all share, and everything is looked at while it stands there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sekvens.messages.compose import compose
from sekvens.messages.facts import Facts
from sekvens.messages.samples import PICTURES_PATH, sample_facts
from sekvens.messages.templates import plain_locales, read_sources, stored, template_names
from tests.conftest_browser import NOTHING, axe_finds, chromium  # noqa: F401  a fixture
from tests.unit.composing import NOW, sample_shop
from tests.unit.contacts_of_every_kind import CONTACTS
from tests.unit.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "sekvens" / "sample_shop" / "pictures"
Email = tuple[str, str]
EMAILS: list[Email] = [
    (name, locale)
    for name in template_names()
    for locale in plain_locales(stored(read_sources(name)))
]
SWEDISH_WITH_PRODUCTS = [
    email
    for email in EMAILS
    if email[1] == "sv" and email[0].startswith(("cart-", "browse-", "order-", "post-"))
]
SMALL, LARGE = {"width": 360, "height": 740}, {"width": 1200, "height": 800}
LONG_WORD = "Ylleunderställströjafabrikationskontroll" * 2

#: Everything that shows text of its own, smaller than 16 px; the preheader is not displayed.
SMALL_TEXTS = """() => [...document.querySelectorAll('body *')].filter(element =>
    element.offsetParent !== null && parseFloat(getComputedStyle(element).fontSize) < 16
    && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
).map(element => element.textContent)"""
HEIGHTS = """selector => [...document.querySelectorAll(selector)].map(
    element => element.getBoundingClientRect().height)"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What there was to see of one e-mail."""

    faults: dict[str, list[str]]  #: colour scheme -> what axe found
    small_width: int  #: of the document on a screen of 360 px
    small_texts: list[str]
    button_heights: list[float]
    text: str
    text_without_pictures: str
    picture_heights_without_pictures: list[float]


class Desk:
    """One page on which e-mails are laid, one after the other."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        self._seen: dict[Email, Seen] = {}
        page.route("**/*", self._route)
        page.set_content("<title>Desk</title>")

    def show(
        self,
        email: Email,
        change: Callable[[Facts], Facts] | None = None,
        *,
        pictures: bool = True,
    ) -> None:
        name, locale = email
        facts = sample_facts(sample_shop(), name=name, locale=locale, now=NOW)
        changed = change(facts) if change else facts
        html = compose(stored(read_sources(name)), changed, shop=sample_shop()).html
        # Under another address, for a picture that was shown before is not fetched again.
        self.page.set_content(html if pictures else html.replace(PICTURES_PATH, "/blocked"))

    def look(self, email: Email) -> Seen:
        if email not in self._seen:
            self._seen[email] = self._looked(email)
        return self._seen[email]

    def _looked(self, email: Email) -> Seen:
        page = self.page
        self.show(email, pictures=False)
        without = {
            "text_without_pictures": page.inner_text("body"),
            "picture_heights_without_pictures": page.evaluate(HEIGHTS, "img"),
        }
        self.show(email)
        text = page.inner_text("body")
        faults = axe_finds(page)
        page.set_viewport_size(SMALL)
        seen = Seen(
            faults=faults,
            small_width=page.evaluate("document.documentElement.scrollWidth"),
            small_texts=page.evaluate(SMALL_TEXTS),
            button_heights=page.evaluate(HEIGHTS, "a.button, a.choice"),
            text=text,
            **without,
        )
        page.set_viewport_size(LARGE)
        return seen

    def _route(self, route: "Route") -> None:
        file = PICTURES / route.request.url.rpartition("/")[2]
        if PICTURES_PATH in route.request.url and file.exists():
            route.fulfill(path=file)
        else:
            route.abort()


@pytest.fixture(scope="module")
def desk(chromium: "Browser") -> Iterator[Desk]:  # noqa: F811
    context = chromium.new_context(viewport=LARGE)
    context.set_default_timeout(PATIENCE * 1000)
    yield Desk(context.new_page())
    context.close()


@pytest.fixture(params=EMAILS, ids=".".join)
def seen(request: pytest.FixtureRequest, desk: Desk) -> Seen:
    return desk.look(request.param)


def test_axe_finds_nothing_by_day_and_by_night(seen: Seen) -> None:
    assert seen.faults == NOTHING


def test_a_small_screen_shows_large_text_and_buttons_and_scrolls_one_way(seen: Seen) -> None:
    assert seen.small_width <= SMALL["width"]
    assert seen.small_texts == []
    assert all(height >= 44 for height in seen.button_heights)


def test_it_reads_whole_with_pictures_blocked(seen: Seen) -> None:
    assert seen.text == seen.text_without_pictures
    assert all(height <= 100 for height in seen.picture_heights_without_pictures), "a large hole"


def _with_long_words(facts: Facts) -> Facts:
    def long(has_lines: Any) -> Any:
        if has_lines is None:
            return None
        line = replace(has_lines.lines[0], name=LONG_WORD, product=None, quantity=12)
        return replace(has_lines, lines=(line, line))

    changed = {name: long(getattr(facts, name)) for name in ("cart", "order", "last_order")}
    return replace(facts, **changed, first_name="W" * 40)


@pytest.mark.parametrize("email", SWEDISH_WITH_PRODUCTS, ids=".".join)
@pytest.mark.parametrize("change", [_with_long_words, CONTACTS["twenty products"]])
def test_long_words_and_lists_do_not_push_a_small_screen_wide(
    desk: Desk, email: Email, change: Callable[[Facts], Facts]
) -> None:
    desk.page.set_viewport_size(SMALL)
    desk.show(email, change)
    width = desk.page.evaluate("document.documentElement.scrollWidth")
    desk.page.set_viewport_size(LARGE)

    assert width <= SMALL["width"]


def test_axe_can_find_something(desk: Desk) -> None:
    desk.page.set_content('<html lang="sv"><title>x</title><main><img src="x.png"></main></html>')
    found = axe_finds(desk.page)

    assert any("image-alt" in fault for fault in found["light"])
