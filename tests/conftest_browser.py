"""A page in Chromium, for tests marked `browser`. It reaches nothing but this machine."""

import os
import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pytest

from tests.unit.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


#: What axe is to find, in either colour scheme.
NOTHING: Final[dict[Literal["light", "dark"], list[str]]] = {"light": [], "dark": []}
_AXE = """what => axe.run(what, {resultTypes: ['violations']}).then(found => found.violations.map(
    one => `${one.id}: ${one.help} ${one.nodes.map(node => node.html.slice(0, 120))}`))"""
#: What is marked as English or quoted may stay (SES's words, a template's fault), and so may ids.
_ENGLISH = """() => {
    const page = document.querySelector('main').cloneNode(true);
    page.querySelectorAll('[lang=en], code, textarea, iframe').forEach(each => each.remove());
    const text = page.innerHTML.replace(/<[^>]*>/g, ' ').replace(/”[^”]*”/g, ' ');
    const words = text.toLowerCase().split(/[\\s.,;:!?()]+/);
    const english = ['the', 'of', 'and', 'was', 'were', 'are', 'they', 'their', 'them', 'with',
        'this', 'that', 'has', 'have', 'been', 'not', 'from', 'which', 'to', 'it', 'is', 'be'];
    return words.filter(each => english.includes(each));
}"""


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """Chromium; without one, tests are skipped, but in CI they fail.

    One for a module, no longer: while it lives its event loop counts as running, and no test in
    the same process could run another.
    """
    from playwright.sync_api import Error, sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=Path(path) if path else None,
                args=_ARGUMENTS,
                timeout=PATIENCE * 1000,
            )
        except Error as error:
            reason = f"no Chromium to test in ({error.message.splitlines()[0]}); set CHROMIUM"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def sheet(chromium: "Browser") -> "Iterator[Page]":
    """The page that the tests of a module are given, one after the other.

    A page of its own would be a process of its own, which compiles what axe is made of anew: that
    costs ten times what axe does.
    """
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE * 1000)

    def keep_here(route: "Route") -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:")):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", keep_here)
    yield context.new_page()
    context.close()


@pytest.fixture
def browser_page(sheet: "Page") -> "Iterator[Page]":
    """An empty page at 1200 by 800; what it asks of another machine fails.

    Nothing is left on it of the test before: no cookie, no header, no other window. Each test has a
    server of its own, and so nothing in a store or a cache is for it.
    """
    sheet.set_viewport_size({"width": 1200, "height": 800})
    sheet.emulate_media(color_scheme="light")
    yield sheet
    for other in sheet.context.pages:
        if other is not sheet:
            other.close()
    sheet.goto("about:blank")
    sheet.context.clear_cookies()
    sheet.set_extra_http_headers({})


def axe_finds(page: "Page", *, leave_out: Sequence[str] = ()) -> dict[str, list[str]]:
    """Tell what axe finds wrong with a page as it stands, by day and by night.

    It is put into each document once. `leave_out` are selectors of what it is not to look at.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe_script())
    found = {}
    for scheme in NOTHING:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # nothing half-way
        found[scheme] = page.evaluate(_AXE, {"exclude": [[selector] for selector in leave_out]})
    return found


def english_in(page: "Page") -> list[str]:
    """List the words of English sentences that a page in another language says itself."""
    found: list[str] = page.evaluate(_ENGLISH)
    return found


@cache
def _axe_script() -> str:
    from axe_playwright_python.sync_playwright import Axe

    return Axe().axe_script
