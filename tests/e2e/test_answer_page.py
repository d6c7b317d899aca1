"""The page behind an answer link in Chromium: readable, reachable by keyboard, given by a press."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.messages.links import answer_url
from sekvens.messages.questions import QUESTIONS
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
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LOCALES = ("sv", "en")
#: One of each shape: words below each other, a scale, own words, a review, a quiz.
SHAPES = ("still-interested", "how-was-it", "what-went-wrong", "rating", "where-cold")


class Served:
    """The app on a port of this machine, with one contact."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.url = url

    def link(self, question: str, answer: str, *, locale: str = "sv") -> str:
        shop = Shop(self.database)
        shop.post(identify(locale, locale=locale))
        api = ApiSettings(public_url=self.url, link_secret=settings().api.link_secret)
        whose = shop.contact_id(locale)
        return answer_url(
            api, contact_id=whose, message_id="m-1", question=question, answer=answer,
            product_id="p-1" if QUESTIONS[question].is_review else None,
        )  # fmt: skip

    def answers(self) -> list[str]:
        query = select(ContactEvent.properties).where(ContactEvent.name == "Question Answered")
        with self.database.read() as session:
            return [properties["answer"] for properties in session.scalars(query)]


@pytest.fixture
def served(sqlite_database: Database) -> Iterator[Served]:
    with serving(sqlite_database) as app:
        yield Served(sqlite_database, app.url)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("question", SHAPES)
def test_axe_finds_nothing_before_or_after_the_answer(
    served: Served,
    browser_page: "Page",  # noqa: F811
    question: str,
    locale: str,
) -> None:
    browser_page.goto(served.link(question, QUESTIONS[question].answers[0].value, locale=locale))
    asked = axe_finds(browser_page)
    browser_page.click("button")
    thanked = axe_finds(browser_page)

    assert (asked, thanked) == (NOTHING, NOTHING)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("question", SHAPES)
def test_a_small_screen_scrolls_one_way_and_every_answer_is_large_enough_to_touch(
    served: Served,
    browser_page: "Page",  # noqa: F811
    question: str,
    locale: str,
) -> None:
    browser_page.set_viewport_size({"width": 360, "height": 740})
    browser_page.goto(served.link(question, QUESTIONS[question].answers[0].value, locale=locale))
    asked = sizes(browser_page)
    browser_page.click("button")
    led_to = sizes(browser_page)

    for width, touched in (asked, led_to):
        assert width <= 360
        assert all(box and min(box["width"], box["height"]) >= 44 for box in touched)


def sizes(page: "Page") -> tuple[int, list[Any]]:
    """Tell how wide the document is, and how large what is touched."""
    touched = page.locator("label, button, textarea").all()
    width = page.evaluate("document.documentElement.scrollWidth")
    return width, [box.bounding_box() for box in touched]


def test_the_answer_that_was_clicked_is_chosen_and_may_be_changed_by_keyboard(
    served: Served,
    browser_page: "Page",  # noqa: F811
) -> None:
    browser_page.goto(served.link("how-was-it", "7"))
    chosen = browser_page.locator("input:checked").get_attribute("value")
    before = served.answers()
    browser_page.focus("input:checked")
    browser_page.keyboard.press("ArrowRight")
    browser_page.keyboard.press("Enter")
    browser_page.wait_for_selector("text=Tack för ditt svar")

    assert (chosen, before) == ("7", [])
    assert served.answers() == ["8"]


def test_stars_and_a_quiz_are_gone_through_by_keyboard_without_a_script(
    served: Served,
    chromium: "Browser",  # noqa: F811
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.link("rating", "4"))
    page.click("button")
    page.fill("textarea", "Värmer bra.\nStor i storleken.")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    thanked = page.inner_text("h1")
    page.goto(served.link("where-cold", "feet"))
    for answer in ("feet", "indoors", "unsure"):
        page.focus(f"input[value={answer}]")
        page.keyboard.press("Space")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    ended = page.locator("form").count()
    context.close()

    assert thanked.startswith("Tack för ditt omdöme")
    assert served.answers() == ["4", "feet", "indoors", "unsure"]
    assert ended == 0
