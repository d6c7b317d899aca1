"""What somebody else wrote never becomes markup, an attribute, another kind of link or a header."""

import email.policy
import re
from collections import Counter
from dataclasses import replace
from email import message_from_bytes
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekvens.errors import TemplateError
from sekvens.messages.compose import Composed
from sekvens.messages.facts_of_orders import read_line
from sekvens.messages.markdown import checked_url, is_web_url
from sekvens.messages.templates import read_layout
from sekvens.messages.views_of_orders import product_view
from sekvens.products.facts import ProductFacts
from sekvens.ses.mime import Mail, assemble
from tests.unit.composing import composed, facts

#: What browsers take out of a URL before they look at its scheme (WHATWG URL, basic parser).
DROPPED = re.compile(r"[\t\n\r]")
TRIMMED = "".join(map(chr, range(0x21)))
FIT = {"https", "http", "mailto", "tel"}
BODY = (
    "{% set line = cart.first %}Hej {{ first_name }}, **{{ first_name }}** [{{ line.name }}]"
    "({{ line.url }}) {{ product(line) }}{{ products(cart.lines) }}"
    "{{ button(line.name, line.url) }}{{ aside(line.benefit) }}"
    "{{ order_summary(order) }}{{ delivery_status(delivery) }}"
)
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            '"><script>alert(1)</script>',
            "' onmouseover='x",
            '" style="x',
            "</style><b>",
            "&#106;avascript:",
            "]]>",
            "<!--",
            "-->",
            "\r\nBcc: b@example.com\r\n\r\n",
            "\u202egnp.exe",
            "a\x00b",
            "{{ 7*7 }}",
            "](javascript:alert(1))",
            "javascript:alert(1)",
            "<img src=x onerror=y>",
            "`",
            "\ue0000\ue004",
        ]
    ),
)


class Seen(HTMLParser):
    """The elements of a page, each with its attributes, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag, tuple(sorted(name for name, _ in attrs))] += 1
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def letter(text: str, url: str) -> Composed:
    text = f"x{text}"  # of nothing but white space there would be no product
    line = read_line({"name": text, "benefit": text, "price": 10, "url": url})
    assert line is not None
    cart = facts().cart
    assert cart is not None
    return composed(
        BODY, subject="{{ first_name }} {{ cart.first.name }}", first_name=text,
        cart=replace(cart, lines=(line,)),
    )  # fmt: skip


@cache
def plain() -> Seen:
    return Seen(letter("Anna", "https://shop.example/x").html)


@settings(max_examples=40)
@given(HOSTILE, HOSTILE)
@example("\u202ex", "https://shop.example/\u202e")
def test_no_value_adds_an_element_an_attribute_or_a_kind_of_link(text: str, url: str):
    seen = Seen(letter(text.replace("\n", " "), url).html)

    assert seen.elements == plain().elements
    assert {scheme_of(link) for link in seen.links} <= FIT


@settings(max_examples=40)
@given(HOSTILE)
def test_no_value_adds_a_header_or_a_recipient(text: str):
    written = letter(text, "https://shop.example/x")
    mail = Mail(
        sender_name="Hallgrens", sender_address="hej@shop.example", recipient="a@b.example",
        subject=written.subject, text="x", html="x",
    )  # fmt: skip
    read: Any = message_from_bytes(assemble(mail), policy=email.policy.default)

    assert set(read.keys()) == {"From", "To", "Subject", "MIME-Version", "Content-Type"}
    assert [address.addr_spec for address in read["To"].addresses] == ["a@b.example"]


def scheme_of(url: str) -> str:
    """Tell the scheme as a browser would, which forgives more than we do."""
    return DROPPED.sub("", url.strip(TRIMMED)).partition(":")[0].lower()


TRICKS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "\x01javascript:alert(1)",
    "java\nscript:alert(1)",
    "java\x00script:alert(1)",
    "\tjavascript:alert(1)",
    "javascript\t:alert(1)",
    "javascript://%0aalert(1)",
    "\xa0javascript:alert(1)",
    "\u2028javascript:alert(1)",
    "\ufeffjavascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "vbscript:msgbox(1)",
    "blob:https://shop.example/x",
    "file:///etc/passwd",
    "ftp://shop.example",
    "about:blank",
    "view-source:https://shop.example",
    "https://shop.example\\@evil.example",
    "https://shop.example@evil.example/",
    "https://user:p@evil.example",
    "https://shop.example/\u202egnp.exe",
    "https://shop.example/\u200bx",
    "//evil.example",
    "\\\\evil.example",
    "https:/evil.example",
    "https:evil.example",
    "mailto:a@b.example\r\nBcc:c@d.example",
    "&#106;avascript:x",
]


@pytest.mark.parametrize("url", TRICKS)
def test_a_trick_is_refused_in_a_link_a_button_and_a_value(url):
    with pytest.raises(TemplateError, match="a link must be"):
        checked_url(url)
    assert not is_web_url(url)


@settings(max_examples=150)
@given(
    st.builds(
        "{}{}{}".format,
        st.text(max_size=4),
        st.sampled_from(["javascript:", "data:", "https://", "https:", "mailto:", "tel:", ""]),
        st.text(max_size=12),
    )
)
def test_what_passes_is_of_a_fit_kind_for_the_most_forgiving_browser(url: str):
    try:
        checked_url(url)
    except TemplateError:
        return

    assert scheme_of(url) in FIT


@pytest.mark.parametrize("url", TRICKS)
def test_a_product_that_was_imported_with_one_is_shown_without_a_link_or_a_picture(url):
    from sekvens.messages.reader import Reader
    from tests.unit.composing import sample_shop

    reader = Reader.of(facts(), shop=sample_shop(), locale="sv")
    view = product_view(imported(url), reader)

    assert (view.url, view.image_url) == (None, None)


def imported(url: str) -> ProductFacts:
    from sekvens.messages.sample_products import sample_products

    product = sample_products(public_url="https://post.shop.example")[0]
    return replace(product, url=url, image_url=url)


def test_every_link_of_the_layout_is_checked_and_nothing_is_declared_safe_that_came_from_outside():
    files = {name: text for name, text in read_layout().items() if name.endswith(".html")}
    links = re.findall(r'(?:href|src)="\{\{([^}]*)\}\}"', "".join(files.values()))

    # A product's picture has been checked by its view, where a faulty one is left out.
    assert {link.strip() for link in links if "|href" not in link} == {"line.image_url"}
    assert re.findall(r"\{\{([^}]*)\|safe", "".join(files.values())) == [
        ' much or "&nbsp;"',
        ' "&#847;&zwnj;&nbsp;"',
    ]
