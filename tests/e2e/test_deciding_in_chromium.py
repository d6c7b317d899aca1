"""Reviews are ticked off, and what is held of somebody is handed out, as a person does it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from sekvens.reviews.tables import Review
from tests.conftest_browser import chromium, sheet  # noqa: F401  fixtures
from tests.e2e.houses import House
from tests.e2e.test_dashboard_in_chromium import (  # noqa: F401  fixtures
    Desk,
    complaints,
    full,
    made,
    url,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def states(house: House) -> dict[str, str]:
    with house.database.read() as session:
        return {row.id: row.state for row in session.scalars(select(Review))}


def press(page: "Page", name: str) -> None:
    page.get_by_role("button", name=name, exact=True).press("Enter")


def test_reviews_that_are_ticked_are_rejected_together(full: Desk, made: House) -> None:  # noqa: F811
    page = full.open("/staff/reviews")
    for box in page.get_by_role("checkbox").all():
        box.press("Space")
    press(page, "Reject")
    page.get_by_text("2 reviews stand in no e-mail").wait_for()
    before = states(made)
    press(page, "Reject")
    page.wait_for_selector("[role=status]")

    assert before == {"r-0": "pending", "r-1": "pending", "r-2": "approved"}
    assert states(made) == {"r-0": "rejected", "r-1": "rejected", "r-2": "approved"}
    assert page.inner_text("[role=status]") == "2 reviews are rejected."
    assert "No review waits to be read." in page.inner_text("main")


def test_what_is_held_comes_as_a_file(full: Desk, tmp_path: Path) -> None:  # noqa: F811
    page = full.open("/staff/contacts/{bo}")
    page.get_by_role("link", name="Download everything we hold").press("Enter")
    page.wait_for_selector("main form button")
    with page.expect_download() as coming:
        press(page, "Download everything we hold")
    file = tmp_path / "held.json"
    coming.value.save_as(file)

    assert coming.value.suggested_filename.startswith(full.ids["bo"])
    assert json.loads(file.read_text("utf-8"))["contact"] == full.ids["bo"]
