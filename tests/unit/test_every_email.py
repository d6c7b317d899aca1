"""Lint: every shipped e-mail, in every locale and season, for contacts and shops of all kinds."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from sekvens.feeds.reading import samples
from sekvens.flows.steps import Purpose
from sekvens.messages.compose import Composed, Headline, compose, headline
from sekvens.messages.facts import Facts
from sekvens.messages.needs import needs
from sekvens.messages.reader import Reader
from sekvens.messages.samples import in_season, sample_facts
from sekvens.messages.source import Source
from sekvens.messages.templates import (
    StoredTemplate,
    read_layout,
    read_sources,
    stored,
    template_names,
)
from sekvens.messages.variables import variables
from sekvens.messages.words import read_words
from sekvens.shop import Shop
from tests.unit.composing import NOW, sample_shop
from tests.unit.contacts_of_every_kind import CONTACTS, SHOPS
from tests.unit.feeding import weather

HTML_BYTES_MAX = 80_000  # Gmail clips at 102 kB
#: A letter with less of its own to say is a banner.
TEXT_CHARACTERS_MIN = 200
UNRESOLVED = re.compile(r"\{\{|\}\}|\{%|\b(None(?! of\b)|nan|NaN|[uU]ndefined)\b|[\ue000-\ue004]")
HOLE = re.compile(r"\S  +\S| [,.!?]|\(\)|,,|\n\n\n")
EMPTY = re.compile(r"<(p|h\d|li|td)[^>]*>\s*</\1>")


class Email(NamedTuple):
    """One source of an e-mail: a template in a locale, and a season if it is its variant."""

    name: str
    locale: str
    season: str = ""


def _emails() -> Iterator[Email]:
    for name in template_names():
        for key in sorted(read_sources(name).sources):
            season, _, locale = key.rpartition(".")
            yield Email(name, locale, season)


EMAILS = list(_emails())


class Page(HTMLParser):
    """Collects what the lint looks at in an HTML part."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.link_texts: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.metas: dict[str, str] = {}
        self.lang = ""
        self.title = ""
        self.tags: set[str] = set()
        self.layout_tables = True
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._open.append(tag)
        self.tags.add(tag)
        if tag == "a":
            self.links.append(given.get("href") or "")
            self.link_texts.append("")
        elif tag == "img":
            self.images.append(given)
        elif tag == "meta" and "name" in given:
            self.metas[given["name"]] = given["content"]
        elif tag == "html":
            self.lang = given.get("lang", "")
        elif tag == "table":
            self.layout_tables &= given.get("role") == "presentation"

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "title" in self._open:
            self.title += data.strip()
        if "a" in self._open:
            self.link_texts[-1] += data.strip()


@cache
def _template(name: str) -> StoredTemplate:
    return stored(read_sources(name))


def _shop_and_facts(email: Email) -> tuple[Shop, Facts]:
    shop, now = in_season(sample_shop(), email.season, now=NOW)
    return shop, sample_facts(shop, name=email.name, locale=email.locale, now=now)


@cache
def _composed(email: Email) -> dict[str, Composed]:
    """Compose an e-mail for contacts of every kind."""
    template, (shop, facts) = _template(email.name), _shop_and_facts(email)
    usual = compose(template, facts, shop=shop)
    made = {kind: compose(template, facts, shop=change(shop)) for kind, change in SHOPS.items()}
    if needs(template).feeds:
        told = replace(facts, feeds=samples({"weather": weather()}))
        made["what feeds tell"] = compose(template, told, shop=shop)
    for kind, change in CONTACTS.items():
        changed = change(facts)
        made[kind] = usual if changed == facts else compose(template, changed, shop=shop)
    return made


def ids(email: Email) -> str:
    return ".".join(filter(None, (email.name, email.season, email.locale)))


@pytest.fixture(params=EMAILS, ids=ids)
def email(request: pytest.FixtureRequest) -> Email:
    return request.param


def test_there_are_emails_to_look_at():
    assert len(EMAILS) >= 90


def test_an_e_mail_that_speaks_of_a_feed_is_looked_at_with_what_it_tells():
    made = _composed(Email("post-purchase-first/mittens-outdoors", "en"))

    assert "snow" in made["what feeds tell"].text
    assert "snow" not in made["a usual contact"].text


def test_every_e_mail_is_there_in_every_locale_of_the_shop():
    locales = {
        name: {email.locale for email in EMAILS if email.name == name} for name, *_ in EMAILS
    }

    assert set(map(frozenset, locales.values())) == {frozenset(sample_shop().locales)}


def test_subject_and_preheader_fit_an_inbox_and_say_different_things(email: Email):
    for kind, made in _composed(email).items():
        assert 1 <= len(made.subject) <= 70, kind
        assert 40 <= len(made.preheader) <= 110, f"{kind}: {made.preheader}"
        assert not made.preheader.startswith(made.subject), kind
        if "long" not in kind:
            assert not made.subject.endswith("…"), f"{kind}: {made.subject}"
            assert not made.preheader.endswith("…"), f"{kind}: {made.preheader}"


def test_an_inbox_is_told_what_the_e_mail_says(email: Email):
    template, (shop, facts) = _template(email.name), _shop_and_facts(email)
    made = compose(template, facts, shop=shop)

    assert headline(template, facts, shop=shop) == Headline(
        subject=made.subject, preheader=made.preheader
    )


def test_nothing_unresolved_reaches_a_reader(email: Email):
    for kind, made in _composed(email).items():
        for part in (made.subject, made.preheader, made.text, made.html):
            assert not UNRESOLVED.search(part), kind


def test_no_sentence_has_a_hole_in_it(email: Email):
    for kind, made in _composed(email).items():
        text = made.text.partition("\n-- \n")[0]
        for part in (made.subject, made.preheader, text):
            hole = HOLE.search(part)
            assert not hole, f"{kind}: {part[max(0, hole.start() - 60) : hole.end() + 30]!r}"
        assert not EMPTY.search(made.html), kind
        assert len(text) >= TEXT_CHARACTERS_MIN, kind


def test_every_link_is_absolute_and_says_something_and_stands_in_the_text_too(email: Email):
    for kind, made in _composed(email).items():
        page = Page(made.html)
        assert page.links, kind
        assert all(page.link_texts), kind
        for link in page.links:
            assert urlsplit(link).scheme in {"https", "http", "mailto", "tel"}, kind
            assert link in made.text, f"{kind}: {link}"


def test_every_picture_has_a_text_and_a_width(email: Email):
    for kind, made in _composed(email).items():
        for image in Page(made.html).images:
            assert image.get("alt") is not None, kind
            assert int(image["width"] or 0) > 0, kind
            # Beside its product's name a picture needs no text; a story's picture tells something.
            assert image["alt"] or "/sample-shop/pictures/" in (image["src"] or ""), kind


def test_the_html_is_small_and_runs_nothing(email: Email):
    for kind, made in _composed(email).items():
        assert len(made.html.encode()) < HTML_BYTES_MAX, kind
        assert not Page(made.html).tags & {"script", "iframe", "form", "object", "link", "base"}


def test_the_reader_sees_who_writes_and_can_leave_what_is_marketing(email: Email):
    shop, facts = _shop_and_facts(email)
    is_marketing = facts.purpose is Purpose.MARKETING
    for kind, made in _composed(email).items():
        for part in (made.html, made.text):
            assert ("/u/sample" in part) == is_marketing, kind
            assert shop.legal_name in part
            assert shop.organisation_number in part
            assert shop.postal_address in part


def test_the_page_tells_a_screen_reader_what_it_is(email: Email):
    made = _composed(email)["a usual contact"]
    page = Page(made.html)

    assert page.lang == made.locale == email.locale
    assert page.title == made.subject
    assert page.layout_tables
    assert page.metas["color-scheme"] == page.metas["supported-color-schemes"] == "light dark"
    assert "prefers-color-scheme: dark" in made.html
    assert made.html.index("charset") < 1024


def test_text_lines_are_short_unless_they_are_a_url(email: Email):
    for line in _composed(email)["long product names"].text.splitlines():
        assert len(line) <= 78 or "https://" in line


def test_a_second_subject_says_something_else(email: Email):
    template = _template(email.name)
    key = f"{email.season}.{email.locale}".lstrip(".")
    made = _composed(email)
    again = made["a second subject"].subject != made["a usual contact"].subject

    assert again == Source(template.sources[key], name="x", locale=key).has_second_subject


def test_every_variable_that_is_used_is_one(email: Email):
    shop, facts = _shop_and_facts(email)
    reader = Reader.of(facts, shop=shop, locale=email.locale)
    known = variables(facts, reader=reader, words=read_words(read_layout(), email.locale))

    # A misspelt one in a branch that nobody took would be found by the first contact who does.
    assert needs(_template(email.name)).variables <= known.keys()
