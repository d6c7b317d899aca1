"""The gallery as somebody looks at it: filled as one comes near, readable on any screen."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sekvens.messages.gallery import gallery
from tests.conftest_browser import NOTHING, axe_finds, chromium  # noqa: F401  a fixture
from tests.unit.composing import NOW, sample_shop
from tests.unit.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

FILLED = "[...document.querySelectorAll('iframe')].length"
NIGHT = """() => {
    const mail = document.querySelector('.frame.night iframe')?.contentDocument;
    const paper = mail?.querySelector('.paper');
    return paper && getComputedStyle(paper).backgroundColor === 'rgb(33, 29, 25)';
}"""


@pytest.fixture(scope="module")
def page(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Page]":  # noqa: F811
    file: Path = tmp_path_factory.mktemp("gallery") / "emails.html"
    made = gallery(sample_shop(), now=NOW, public_url="https://post.shop.example")
    file.write_text(made, encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("iframe")
    yield page
    context.close()


def test_only_what_is_near_is_filled_and_then_as_high_as_it_is(page: "Page") -> None:
    page.wait_for_function("document.querySelector('.frame').style.getPropertyValue('--height')")

    assert 4 <= page.evaluate(FILLED) < 60
    assert page.locator(".frame").count() > 400


def test_by_night_an_e_mail_is_dark_though_the_page_is_not(page: "Page") -> None:
    page.wait_for_function(NIGHT)

    assert page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")


def test_what_is_unticked_is_hidden(page: "Page") -> None:
    page.uncheck("input[name=en]")
    hidden = page.locator('.version[data-locale="en"]').first.is_hidden()
    page.check("input[name=en]")

    assert hidden
    assert page.locator('.version[data-locale="en"]').first.is_visible()


@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_itself_can_be_read_by_everybody(page: "Page", width) -> None:
    page.set_viewport_size({"width": width, "height": 900})

    assert axe_finds(page, leave_out=["iframe"]) == NOTHING
    assert page.evaluate("document.documentElement.scrollWidth") <= width
