"""A crawler with JavaScript on visits every link of every e-mail, and the database is as it was.

Mail scanners do just that, so nothing that a visit does may commit.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from sqlalchemy import func, select

from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.messages.compose import Composed, compose
from sekvens.messages.context import answer_urls
from sekvens.messages.links import confirm_url, preferences_url, unsubscribe_url
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import plain_locales, read_sources, stored, template_names
from sekvens.sections import ApiSettings
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures
from tests.e2e.test_answer_page import Served, served  # noqa: F401  a fixture
from tests.unit.composing import NOW, sample_shop
from tests.unit.ingesting import Shop, identify
from tests.unit.serving import settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

#: Where visits are counted on purpose, those of machines as such. Nothing is read from it that
#: steers a flow.
COUNTS_VISITS: Final = frozenset({"engagement"})
EMAILS: Final = [
    (name, locale)
    for name in template_names()
    for locale in plain_locales(stored(read_sources(name)))
]


def test_a_crawler_that_visits_every_link_of_every_e_mail_changes_nothing(
    served: Served,  # noqa: F811
    browser_page: "Page",  # noqa: F811
) -> None:
    links = sorted({link for email in EMAILS for link in links_of(served, *email)})
    before = rows(served.database)
    with httpx.Client() as bare:
        statuses = {link: visit(browser_page, bare, link) for link in links}
    after = rows(served.database)
    browser_page.goto(next(link for link in links if "/a/" in link))
    browser_page.click("button")

    assert len(links) > 80
    assert set(statuses.values()) == {200}, statuses
    assert after == before
    # One of them again, and a press: so the count would have noticed.
    assert rows(served.database) != before


def visit(page: "Page", bare: httpx.Client, link: str) -> int:
    """Visit a link as scanners do: by bare requests, and by a page that runs scripts."""
    for method in ("HEAD", "OPTIONS"):
        assert bare.request(method, link).status_code in {200, 405}
    reply = page.goto(link, wait_until="load")
    assert reply is not None
    return reply.status


def links_of(served: Served, name: str, locale: str) -> set[str]:  # noqa: F811
    """Compose an e-mail with links that are signed for a contact of ours; tell those to us."""
    api = ApiSettings(public_url=served.url, link_secret=settings().api.link_secret)
    shop = Shop(served.database)
    if shop.contact(locale) is None:
        shop.post(identify(locale, locale=locale))
    whose, message_id = shop.contact_id(locale), "m-1"
    facts = sample_facts(sample_shop(), name=name, locale=locale, now=NOW, public_url=served.url)
    leave = unsubscribe_url(api, contact_id=whose, message_id=message_id)
    facts = replace(
        facts,
        answer_urls=answer_urls(api, whose, message_id, facts),
        unsubscribe_url=leave if facts.unsubscribe_url else None,
        preferences_url=preferences_url(api, contact_id=whose, message_id=message_id),
        confirm_url=confirm_url(
            api, contact_id=whose, message_id=message_id, address=f"{locale}@kund.example"
        )
        if facts.confirm_url
        else None,
        view_url=None,  # of a copy that is kept with a message that was sent: there is none
    )
    made: Composed = compose(stored(read_sources(name)), facts, shop=sample_shop())
    return set(re.findall(rf"{re.escape(served.url)}/[^\s\"<>]+", made.html + " " + made.text))


def rows(database: Database) -> dict[str, int]:
    """Count the rows of every table that a visit must leave alone."""
    tables = [table for table in metadata.sorted_tables if table.name not in COUNTS_VISITS]
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables
        }
