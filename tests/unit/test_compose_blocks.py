"""Blocks: each in both parts; with no data they are nothing and leave the text whole."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sekvens.messages.facts import OfferFacts
from sekvens.shop import Offer
from tests.unit.composing import composed, facts, sample_shop

LAST_DAY = date(2026, 3, 14)


def text_of(body: str, **changes: Any) -> str:
    """Tell the letter's own text, without the footer."""
    return composed(body, **changes).text.partition("\n-- \n")[0].strip("\n")


@pytest.mark.parametrize(
    "block",
    [
        "product(none)",
        "products([])",
        "review(none)",
        "question(none)",
        "code(none)",
        'aside("")',
        'button("Läs", none)',
    ],
)
def test_a_block_with_no_data_leaves_the_text_whole(block):
    email = composed(f"Före.\n\n{{{{ {block} }}}}\n\nEfter.")

    assert email.text.startswith("Före.\n\nEfter.\n")
    assert email.html == composed("Före.\n\nEfter.").html


def test_a_button_is_a_link_in_both_parts():
    email = composed('{{ button("Till kassan", cart.restore_url) }}')

    assert "Till kassan:\nhttps://hallgrensylle.example/kassa?cart=cart-2041\n" in email.text
    assert 'href="https://hallgrensylle.example/kassa?cart=cart-2041"' in email.html


def test_a_cart_id_with_odd_characters_stays_inside_its_parameter():
    cart = replace(facts().cart, cart_id="a&b=ö/ {")

    assert "?cart=a%26b%3D%C3%B6%2F%20%7B" in text_of(
        '{{ button("x", cart.restore_url) }}', cart=cart
    )


def test_a_product_tells_name_benefit_and_price():
    lines = text_of("{{ product(cart.first) }}").splitlines()

    assert lines[0].strip() == "Tröjan Dellen"
    assert lines[1].strip().startswith("Tät, rak")
    assert lines[-2].strip() == "1\N{NO-BREAK SPACE}895\N{NO-BREAK SPACE}kr"
    assert lines[-1].strip() == "https://hallgrensylle.example/p/trojan-dellen"


def test_a_product_without_picture_price_and_link_is_still_a_product():
    bare = replace(facts().cart.lines[0], image_url=None, price=None, url=None, benefit=None)
    cart = replace(facts().cart, lines=(bare,))
    email = composed("{{ product(cart.first) }}", cart=cart)

    assert "<img" not in email.html
    assert "Tröjan Dellen\n  https://hallgrensylle.example/kassa?cart=cart-2041" in email.text


def test_a_full_cart_shows_five_products_and_counts_the_rest():
    lines = facts().cart.lines * 7
    text = text_of("{{ products(cart.lines) }}", cart=replace(facts().cart, lines=lines))

    assert text.count("\n  https://") == 5
    assert text.endswith("… och 16 saker till")


def test_several_of_one_product_say_how_many():
    two = replace(facts().cart.lines[2], quantity=2)
    cart = replace(facts().cart, lines=(two,))

    assert "2 \N{MULTIPLICATION SIGN} 229" in text_of("{{ products(cart.lines) }}", cart=cart)
    assert text_of("{{ cart.total }}", cart=cart) == "458\N{NO-BREAK SPACE}kr"


def test_a_cart_with_an_unknown_price_has_no_total():
    unknown = replace(facts().cart.lines[0], price=None)
    cart = replace(facts().cart, lines=(unknown, facts().cart.lines[1]))

    assert (
        text_of("{% if cart.total %}{{ cart.total }}{% else %}Hej{% endif %}", cart=cart) == "Hej"
    )


def test_a_cart_in_another_currency_is_shown_in_it():
    line = replace(facts().cart.lines[0], price=Decimal("12.50"))
    cart = replace(facts().cart, currency="EUR", lines=(line,))

    assert text_of("{{ cart.total }}", cart=cart) == "12,50\N{NO-BREAK SPACE}€"


def test_a_review_is_called_verified_only_when_it_is():
    text = text_of("{% for r in reviews %}{{ review(r) }}{% endfor %}")

    assert text.count("verifierat köp") == 6
    assert "Per-Olof, Hudiksvall · Mössan Bengt · 4 av 5\n" in text


def test_a_question_is_a_heading_with_its_answer_below():
    email = composed("{{ question(faq[0]) }}")

    assert ">Kliar det?</h2>" in email.html
    assert email.text.startswith("Kliar det?\nUnderställen är av finull")


def test_a_code_says_what_it_gives_and_its_last_day():
    terms = sample_shop().offers["welcome"]
    offer = OfferFacts(terms=terms, code="DORIS10", last_day=LAST_DAY)
    text = text_of("{{ code(offer) }}", offer=offer)

    assert [line.strip() for line in text.splitlines()] == [
        "10 % på hela köpet",
        "DORIS10",
        "gäller till och med 14\N{NO-BREAK SPACE}mars",
    ]


def test_an_offer_without_a_code_says_what_it_gives_and_no_code():
    gift = Offer(days=14, gift={"sv": "ett nystan", "en": "a ball of yarn"})
    text = text_of("{{ code(offer) }}", offer=OfferFacts(terms=gift, code=None, last_day=LAST_DAY))

    assert [line.strip() for line in text.splitlines()] == [
        "ett nystan",
        "gäller till och med 14\N{NO-BREAK SPACE}mars",
    ]


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"percent": 10}, "10 % på hela köpet"),
        ({"amount": Decimal(150)}, "150\N{NO-BREAK SPACE}kr av på köpet"),
        ({"free_shipping": True}, "Fri frakt"),
        ({"guide": True}, "Ull som håller"),
    ],
)
def test_what_an_offer_gives_is_said_in_a_few_words(terms, words):
    offer = OfferFacts(terms=Offer(days=14, **terms), code="X", last_day=LAST_DAY)

    assert text_of("{{ offer.gives }}, {{ offer.days }}", offer=offer) == f"{words}, 10"


def test_the_first_person_signs_unless_another_is_named():
    assert text_of("{{ signature() }}").startswith("Maja Hallgren\nandra generationen")
    assert text_of("{{ signature(shop.people[1]) }}").startswith("Bengt Hallgren\n")


def test_an_aside_takes_the_shops_markdown_and_plain_text():
    text = text_of('{{ aside(shop.return_policy) }}{{ aside("*Obs!*") }}')

    assert text.startswith("Du har 60 dagar på dig")
    assert text.endswith("\n\n  *Obs!*")
