"""What a contact or a shop's backend wrote is text, in both parts, whatever it looks like."""

import html as entities
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.errors import TemplateError
from sekvens.messages.facts_of_orders import read_line
from sekvens.messages.markdown import checked_url, fill_html, fill_text, parse, value_mark
from tests.unit.composing import composed, facts

HOSTILE = [
    "<script>alert(1)</script>",
    "*_[x](javascript:1)_*",
    "[köp](https://spam.example)",
    "![x](https://spam.example/x.png)",
    "<https://spam.example>",
    "&lt;b&gt; &amp; &copy;",
    "# rubrik",
    "> citat",
    "- punkt",
    "1. ett",
    "```",
    "    kod",
    "a\\*b",
    "`kod`",
    "{{ shop.name }} {% if %}",
    "\ue0000\ue004",
    "\ue0010\ue004",
    "\ue002javascript:1\ue003",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "body", ["Hej {{ first_name }}!", "{{ first_name }}", "**{{ first_name }}**"]
)
def test_a_name_comes_out_as_it_was_written(name, body):
    email = composed(body, first_name=name)

    assert entities.escape(name).strip() in entities.escape(entities.unescape(email.html))
    assert name.strip() in email.text
    assert email.html.count("<a ") == composed(body, first_name="Anna").html.count("<a ")
    assert "<script" not in email.html


@pytest.mark.parametrize("name", HOSTILE)
def test_joining_a_name_to_other_text_lets_nothing_through(name):
    body = '{{ "*Hej* " ~ first_name }} {{ first_name|upper }} {{ [first_name]|join(", ") }}'
    email = composed(body, first_name=name)

    assert " ".join(f"*Hej* {name}".split()) in email.text
    assert "<em>" not in email.html
    assert "spam.example" not in email.html.replace(entities.escape(name), "")


@pytest.mark.parametrize("name", HOSTILE[:4])
def test_a_product_comes_out_as_it_was_written_in_every_block(name):
    line = read_line({"name": name, "benefit": name, "price": 10})
    cart = replace(facts().cart, lines=(line,))
    email = composed(
        "{% set line = cart.first %}{{ product(line) }}{{ products([line]) }}"
        "{{ aside(line.name) }}{{ button(line.name, line.url) }}",
        cart=cart,
    )

    assert email.text.count(name) == 5
    assert "<script" not in email.html
    assert "spam.example" not in email.html.replace(entities.escape(name), "")


@given(st.text(st.characters(exclude_characters="\r\n\x00"), min_size=1, max_size=40))
def test_any_text_survives_both_parts_unchanged(value):
    parsed = parse(f"före {value_mark(0)} efter")

    html = fill_html(parsed, values=[value], blocks=[])
    assert entities.escape(value) in html
    text = fill_text(parsed, values=[value], blocks=[])
    assert "".join(f"före {value} efter".split()) == "".join(text.split())


@pytest.mark.parametrize(
    "url", ["https://shop.se/a?b=c&d=%20", "http://127.0.0.1:80/x", "mailto:a@b.se", "tel:+4670"]
)
def test_these_links_may_stand_in_an_email(url):
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "//shop.se",
        "/kassa",
        "https://",
        "https://[::1",
        "https:shop.se",
        "https://shop.se/ x",
        'https://shop.se/"onclick',
        "mailto:",
        "",
    ],
)
def test_these_may_not(url):
    with pytest.raises(TemplateError):
        checked_url(url)


@pytest.mark.parametrize("posted", ["javascript:alert(1)", "/p/1", "x", 7, None, "https://"])
def test_a_products_link_that_leads_nowhere_leads_to_the_cart_instead(posted):
    line = read_line({"name": "Tröja", "url": posted, "image_url": posted})

    assert line is not None
    assert (line.url, line.image_url) == (None, None)
