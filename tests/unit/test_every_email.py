"""Lint: every shipped e-mail, in every locale, for contacts of all kinds."""

import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import StoredTemplate, read_sources, stored, template_names
from tests.unit.composing import NOW, sample_shop

EMAILS = [
    (name, locale) for name in template_names() for locale in sorted(read_sources(name).sources)
]

HTML_BYTES_MAX = 80_000  # Gmail clips at 102 kB
UNRESOLVED = re.compile(r"\{\{|\}\}|\{%|\b(None|nan|NaN|undefined|Undefined)\b|[\ue000-\ue004]")


def _without_name(facts: Facts) -> Facts:
    return replace(facts, first_name=None)


def _with_long_name(facts: Facts) -> Facts:
    return replace(facts, first_name="Maximilianalexandrawilhelminafredrika-Bo")


def _with_hostile_name(facts: Facts) -> Facts:
    return replace(facts, first_name="<script>*_[x](javascript:1)")


def _with_lines(facts: Facts, count: int) -> Facts:
    lines = facts.cart.lines * 20
    return replace(facts, cart=replace(facts.cart, lines=lines[:count]))


def _in_euros(facts: Facts) -> Facts:
    lines = tuple(replace(line, price=Decimal("12.50")) for line in facts.cart.lines)
    return replace(facts, cart=replace(facts.cart, currency="EUR", lines=lines))


def _without_pictures(facts: Facts) -> Facts:
    lines = tuple(replace(line, image_url=None) for line in facts.cart.lines)
    return replace(facts, cart=replace(facts.cart, lines=lines))


def _with_bare_products(facts: Facts) -> Facts:
    bare = {"image_url": None, "price": None, "benefit": None, "care": None, "url": None}
    lines = tuple(replace(line, **bare) for line in facts.cart.lines)
    return replace(facts, cart=replace(facts.cart, lines=lines))


def _with_long_products(facts: Facts) -> Facts:
    lines = tuple(
        replace(line, name="Ylletröja " * 19 + "slut", quantity=12) for line in facts.cart.lines
    )
    return replace(facts, cart=replace(facts.cart, lines=lines))


CONTACTS = {
    "a usual contact": lambda facts: facts,
    "no first name": _without_name,
    "a very long name": _with_long_name,
    "a hostile name": _with_hostile_name,
    "one product": lambda facts: _with_lines(facts, 1),
    "two products": lambda facts: _with_lines(facts, 2),
    "twenty products": lambda facts: _with_lines(facts, 20),
    "another currency": _in_euros,
    "no pictures": _without_pictures,
    "bare products": _with_bare_products,
    "long product names": _with_long_products,
}


class Page(HTMLParser):
    """Collects what the lint looks at in an HTML part."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.metas: dict[str, str] = {}
        self.lang = ""
        self.title = ""
        self.tags: set[str] = set()
        self.layout_tables = True
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._tag = tag
        self.tags.add(tag)
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif tag == "img":
            self.images.append(given)
        elif tag == "meta" and "name" in given:
            self.metas[given["name"]] = given["content"]
        elif tag == "html":
            self.lang = given.get("lang", "")
        elif tag == "table":
            self.layout_tables &= given.get("role") == "presentation"

    def handle_data(self, data):
        if self._tag == "title":
            self.title += data.strip()


@cache
def _template(name: str) -> StoredTemplate:
    return stored(read_sources(name))


@pytest.fixture(params=EMAILS, ids=lambda email: f"{email[0]}.{email[1]}")
def of(request):
    name, locale = request.param

    def composed_for(contact: str) -> Composed:
        facts = CONTACTS[contact](sample_facts(sample_shop(), name=name, locale=locale, now=NOW))
        return compose(_template(name), facts, shop=sample_shop())

    return composed_for


every_contact = pytest.mark.parametrize("contact", CONTACTS)


def test_there_are_emails_to_look_at():
    assert len(EMAILS) >= 20


@every_contact
def test_subject_and_preheader_fit_an_inbox_and_say_different_things(of, contact):
    email = of(contact)

    assert 1 <= len(email.subject) <= 70
    assert 40 <= len(email.preheader) <= 110
    assert not email.preheader.startswith(email.subject)


@every_contact
def test_nothing_unresolved_reaches_a_reader(of, contact):
    email = of(contact)

    for part in (email.subject, email.preheader, email.text, email.html):
        assert not UNRESOLVED.search(part)


@every_contact
def test_no_sentence_has_a_hole_in_it(of, contact):
    email = of(contact)
    text = email.text.partition("\n-- \n")[0]

    assert not re.search(r"\S  +\S| [,.!?]|\(\)|,,|\n\n\n", text)
    assert not re.search(r"<p[^>]*>\s*</p>|<h\d[^>]*>\s*</h\d>", email.html)


@every_contact
def test_every_link_is_absolute_and_stands_in_the_text_too(of, contact):
    email = of(contact)
    links = Page(email.html).links

    assert links
    for link in links:
        assert urlsplit(link).scheme in {"https", "http", "mailto"}
        assert link in email.text


@every_contact
def test_every_picture_has_a_text_and_a_width(of, contact):
    for image in Page(of(contact).html).images:
        assert image.get("alt") is not None
        assert int(image["width"] or 0) > 0


@every_contact
def test_the_html_is_small_and_runs_nothing(of, contact):
    email = of(contact)

    assert len(email.html.encode()) < HTML_BYTES_MAX
    assert not Page(email.html).tags & {"script", "iframe", "form", "object", "link", "base"}


@every_contact
def test_the_reader_can_leave_and_sees_who_writes(of, contact):
    email = of(contact)
    shop = sample_shop()

    for part in (email.html, email.text):
        assert "/u/sample" in part
        assert shop.legal_name in part
        assert shop.organisation_number in part
        assert shop.postal_address in part


def test_the_page_tells_a_screen_reader_what_it_is(of):
    email = of("a usual contact")
    page = Page(email.html)

    assert page.lang == email.locale
    assert page.title == email.subject
    assert page.layout_tables
    assert page.metas["color-scheme"] == page.metas["supported-color-schemes"] == "light dark"
    assert email.html.index("charset") < 1024


def test_text_lines_are_short_unless_they_are_a_url(of):
    for line in of("long product names").text.splitlines():
        assert len(line) <= 78 or "https://" in line
