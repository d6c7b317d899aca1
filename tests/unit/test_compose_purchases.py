"""Blocks about products, orders, parcels and the shop, and what of it concerns the reader."""

import html as entities
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sekvens.errors import TemplateError
from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts, TitledReview
from sekvens.messages.samples import sample_facts
from sekvens.shop import Care, Level, News, Question, Story
from tests.unit.composing import NOW, sample_shop, template

SPACE = "\N{NO-BREAK SPACE}"


def facts(name: str = "owner-visits/x", **changes: Any) -> Facts:
    sample = sample_facts(sample_shop(), name=name, locale="sv", now=NOW)
    return replace(sample, **changes)


def made(body: str, given: Facts | None = None, **shop: Any) -> Composed:
    changed = msgspec.structs.replace(sample_shop(), **shop)
    return compose(template(body), given or facts(), shop=changed)


def text_of(body: str, given: Facts | None = None, **shop: Any) -> str:
    return made(body, given, **shop).text.partition("\n-- \n")[0].strip("\n")


def squeezed(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    "block",
    [
        "story(none)", "press(none)", "news(none)", "care(none)", "order_summary(order)",
        "delivery_status(delivery)", "referral_code(none)", "drop(none)", "product(product)",
        "products(related)", 'answers("still-interested")', "socials()",
    ],
)  # fmt: skip
def test_a_block_with_no_data_leaves_the_text_whole(block: str) -> None:
    given = facts(product=None, related=(), answer_urls={})
    links = msgspec.structs.replace(sample_shop().links, instagram="", tiktok="", youtube="")
    email = made(f"Före.\n\n{{{{ {block} }}}}\n\nEfter.", given, links=links)

    assert email.text.startswith("Före.\n\nEfter.\n")
    letter = email.html.partition('role="main"')[2].partition("</div>")[0]
    assert not re.search("<table|<h2|<img", letter)


def test_a_name_that_is_called_is_a_block_and_one_that_is_not_is_a_variable() -> None:
    lines = squeezed(text_of("{% if product %}{{ product(product) }}{% endif %}"))

    assert lines[0] == "Tröjan Dellen"
    assert squeezed(text_of("{% for item in press %}{{ press(item) }}{% endfor %}"))


def test_a_reduced_price_shows_the_one_before_and_the_lowest_of_thirty_days() -> None:
    given = facts()
    assert given.product is not None
    low = {"was_price": Decimal(2495), "lowest_price_30_days": Decimal(1995)}
    given = replace(given, product=replace(given.product, **low))

    for body in ("{{ product(product) }}", "{{ products([product]) }}"):
        email = made(body, given)
        for part in (email.text, entities.unescape(email.html)):
            assert f"1{SPACE}895{SPACE}kr, förut 2{SPACE}495{SPACE}kr" in part
            assert f"Lägsta pris de senaste 30 dagarna: 1{SPACE}995{SPACE}kr" in part


def test_a_cart_asks_todays_price_in_its_own_currency_only() -> None:
    sample = sample_facts(sample_shop(), name="cart-abandonment/x", locale="en", now=NOW)
    assert sample.cart is not None
    line = replace(sample.cart.lines[0], name="Posted", price=Decimal(2000))
    cart = replace(sample.cart, lines=(line,))
    at_home = replace(sample, cart=cart)
    away = replace(sample, cart=replace(cart, currency="EUR"))
    body = "{{ cart.first.name }}: {{ cart.first.price }}, {{ cart.total }}"

    assert text_of(body, at_home) == "Dellen jumper: SEK 1,895, SEK 1,895".replace(
        "K ", f"K{SPACE}"
    )
    assert text_of(body, away) == "Dellen jumper: €2,000, €2,000"


def test_an_order_says_what_was_paid_with_vat_where_the_shop_posted_it() -> None:
    given = facts("order-updates/x")
    assert given.order is not None
    line = replace(given.order.lines[2], price=Decimal("199.50"), quantity=2)
    paid = {"total": Decimal(399), "vat": Decimal("79.80"), "discount": Decimal(50)}
    order = replace(given.order, lines=(line,), **paid)
    lines = squeezed(text_of("{{ order_summary(order) }}", replace(given, order=order)))

    assert [line.replace(SPACE, " ") for line in lines] == [
        "Beställning 10482, 3 mars",
        "- Raggsockorna Vedboden: 2 \N{MULTIPLICATION SIGN} 199,50 kr",
        "Frakt: 59 kr",
        "Rabatt: \N{MINUS SIGN}50 kr",
        "Summa: 399 kr",
        "varav moms: 79,80 kr",
        "Betalsätt: Klarna",
        f"Momsreg.nr: {sample_shop().vat_number}",
    ]


def test_nothing_is_claimed_of_vat_that_nobody_posted() -> None:
    given = facts("order-updates/x")
    assert given.order is not None
    email = made("{{ order_summary(order) }}", replace(given, order=replace(given.order, vat=None)))

    assert "moms" not in email.text.lower() + email.html.lower()


def test_what_was_bought_is_named_as_a_sentence_has_it() -> None:
    given = facts("order-updates/x")
    many = sample_facts(sample_shop(), name="order-updates/x", locale="en", now=NOW, products=9)

    assert text_of("{{ order.names }}.", given) == (
        "Tröjan Dellen, Koftan Ljusnan och Raggsockorna Vedboden."
    )
    assert text_of("{{ order.names }}.", many).endswith("Woodshed socks and 6 more things.")


def test_a_parcel_that_is_late_shows_the_new_day_and_not_the_old_one() -> None:
    given = facts("order-updates/order-delayed")
    email = made("{{ delivery_status(delivery) }}", given)

    for part in (email.text, email.html):
        assert "Beräknas nu vara framme" in part
        assert "Beräknas vara framme" not in part
        assert "https://postnord.example/spara" in part


def test_an_order_of_another_year_is_dated_with_its_year() -> None:
    given = facts("winback/x")
    body = "{{ last_order.placed_on }}, {{ last_order.months_ago }}"

    assert text_of(body, given).replace(SPACE, " ") == "25 oktober 2025, 4"


def test_every_answer_of_a_question_is_a_link_in_both_parts() -> None:
    given = facts()
    email = made('{{ answers("how-was-it") }}{{ answers("still-interested") }}', given)

    for question in ("how-was-it", "still-interested"):
        for url in given.answer_urls[question].values():
            assert f'href="{url}"' in email.html
            assert f"  {url}\n" in email.text
    assert 'aria-label="7 av 10"' in email.html


def test_a_question_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    with pytest.raises(TemplateError, match="no question 'mood'; there are how-was-it"):
        made('{{ answers("mood") }}')


def test_reviews_of_what_the_e_mail_is_about_come_first() -> None:
    given = facts()
    assert given.product is not None
    text = {"sv": "Bra."}
    review = {"rating": 5, "verified": True, "text": text, "product": given.product.title}
    other = TitledReview(author="Bo", product_id="p-other", **review)
    own = TitledReview(author="", product_id=given.product.product_id, **review)
    given = replace(given, reviews=(other, own))
    body = "{% for r in reviews %}{{ r.author }}|{% endfor %}"

    assert text_of(body, given, reviews=()) == "en kund|Bo|"


def test_only_texts_that_concern_the_reader_are_told_and_the_closest_first() -> None:
    def asked(text: str, **about: str) -> Question:
        return Question(question={"sv": text}, answer={"sv": "Ja."}, **about)

    faq = (
        asked("alla"), asked("tröjor", category="jumpers"), asked("sockor", category="socks"),
        asked("Dellen", product_id="trojan-dellen"), asked("annan", product_id="mossan-bengt"),
    )  # fmt: skip
    body = "{% for q in faq %}{{ q.question }} {% endfor %}"

    assert text_of(body, faq=faq) == "Dellen tröjor alla"
    assert text_of(body, facts(product=None, owned=()), faq=faq) == "alla"


def test_care_is_told_by_product_then_category_then_shop() -> None:
    def care(text: str, **about: str) -> Care:
        return Care(title={"sv": text}, text={"sv": "Vädra."}, **about)

    care_texts = (care("allt"), care("tröjor", category="jumpers"))
    given = facts("post-purchase-first/x")
    told = text_of("{% for c in care %}{{ c.title }}|{% endfor %}", given, care=care_texts)

    assert told == "Tröjan Dellen|Koftan Ljusnan|Raggsockorna Vedboden|tröjor|allt|"


@pytest.mark.parametrize(
    ("orders", "level", "told"),
    [
        (0, None, "ingen"),
        (1, "Vän", "Vän, 2 till Granne"),
        (2, "Vän", "Vän, 1 till Granne"),
        (3, "Granne", "Granne"),
    ],
)
def test_a_level_says_what_the_next_one_takes(orders: int, level: str | None, told: str) -> None:
    levels = (
        Level(name={"sv": "Granne"}, orders_min=3),
        Level(name={"sv": "Vän"}, orders_min=1),
    )
    body = (
        "{% if level %}{{ level.name }}{% if level.next_name %}, {{ level.orders_to_next }} till "
        "{{ level.next_name }}{% endif %}{% else %}ingen{% endif %}"
    )

    assert text_of(body, facts(orders_count=orders, level=level), levels=levels) == told


def test_a_level_that_was_just_reached_says_so() -> None:
    body = "{% if level.is_new %}Numera {% endif %}{{ level.name }}"
    given = {"orders_count": 1, "level": "Vän"}
    told = [
        text_of(
            body,
            facts(**given, level_is_new=is_new),
            levels=(Level(name={"sv": "Vän"}, orders_min=1),),
        )
        for is_new in (True, False)
    ]

    assert told == ["Numera Vän", "Vän"]


def test_news_are_those_since_then_and_none_of_the_future() -> None:
    days = {"förr": -90, "sedan": -10, "nu": 0, "snart": 1}
    news = tuple(
        News(title={"sv": title}, text={"sv": "Lamm."}, on=NOW.date() + timedelta(days=ago))
        for title, ago in days.items()
    )
    body = "{% for item in news %}{{ item.title }} {% endfor %}"

    assert text_of(body, facts(since=NOW - timedelta(days=30)), news=news) == "nu sedan"
    assert text_of(body, facts(since=None), news=news) == "nu sedan förr"


def test_a_storys_picture_tells_what_it_shows() -> None:
    told = {"title": {"sv": "Vanten"}, "text": {"sv": "Den *försvann*."}, "author": "Eva, Järvsö"}
    shown = {"picture_url": "https://shop.example/1.jpg", "picture_alt": {"sv": "En vante i snö"}}
    story = Story(permission="by letter, 4 March 2026", **told, **shown)
    email = made("{{ story(story) }}", stories=(story,))

    assert re.search('<img[^>]*alt="En vante i snö" width="504"', email.html)
    assert "<em>försvann</em>" in email.html
    assert squeezed(email.text)[:3] == ["Vanten", "Den försvann.", "Eva, Järvsö"]


def test_a_story_about_another_product_is_not_told() -> None:
    told = {"title": {"sv": "Vanten"}, "text": {"sv": "Den kom."}, "author": "Eva"}
    story = Story(permission="yes", product_id="p-other", **told)

    assert text_of(
        "{% if story %}{{ story.title }}{% else %}ingen{% endif %}", stories=(story,)
    ) == ("ingen")
