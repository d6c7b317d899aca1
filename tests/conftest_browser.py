"""A page in Chromium, for tests marked `browser`. It reaches nothing but this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
                executable_path=Path(path) if path else None, args=_ARGUMENTS
            )
        except Error as error:
            reason = f"no Chromium to test in ({error.message.splitlines()[0]}); set CHROMIUM"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: "Browser") -> "Iterator[Page]":
    """An empty page at 1200 by 800; what it asks of another machine fails."""
    context = chromium.new_context(viewport={"width": 1200, "height": 800})

    def keep_here(route: "Route") -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:")):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", keep_here)
    yield context.new_page()
    context.close()
