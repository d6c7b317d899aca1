"""The gallery: one page that holds every e-mail, and needs nothing beside itself."""

import json
import re

import pytest

from sekvens.feeds.reading import samples
from sekvens.messages.gallery import gallery
from sekvens.messages.templates import read_sources, template_names
from tests.unit.composing import NOW, sample_shop
from tests.unit.feeding import weather


@pytest.fixture(scope="module")
def page() -> str:
    feeds = samples({"weather": weather()})
    return gallery(sample_shop(), now=NOW, public_url="https://post.shop.example", feeds=feeds)


def held(page: str, name: str) -> dict[str, str]:
    """Read one of the page's tables of data."""
    found = re.search(
        rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL
    )
    assert found is not None
    return json.loads(found[1])


def test_every_e_mail_is_there_in_every_locale_and_season(page: str) -> None:
    sources = {
        f"{name.replace('/', '--')}--{key.replace('.', '--')}"
        for name in template_names()
        for key in read_sources(name).sources
    }
    untold = {
        f"post-purchase-first--mittens-outdoors--{locale}--no--feed--answers"
        for locale in sample_shop().locales
    }

    assert held(page, "mails").keys() == sources | untold
    assert set(re.findall(r'data-mail="([^"]+)"', page)) == sources | untold


def test_a_shop_without_the_feed_sees_the_e_mail_once() -> None:
    page = gallery(sample_shop(), now=NOW, public_url="https://post.shop.example")

    assert page.count('<article id="post-purchase-first--mittens-outdoors') == 1


def test_a_flows_e_mails_stand_in_its_order(page: str) -> None:
    steps = re.findall(r'<article id="sunset--([\w-]+)">', page)

    assert steps == ["we-respect-your-choice", "a-gift-to-stay", "find-us-elsewhere", "goodbye"]


def test_it_says_when_each_comes_and_guesses_no_day(page: str) -> None:
    whens = dict(
        re.findall(r'<article id="([\w-]+)">.*?<p class="when">(.*?)</p>', page, flags=re.DOTALL)
    )

    assert whens["welcome--a-code-for-you"] == "day 7"
    assert whens["welcome--last-day"] == whens["order-updates--order-shipped"] == "on its day"


def test_it_says_what_an_inbox_shows_and_what_is_told_again(page: str) -> None:
    article = page.partition('<article id="winback--why-you-chose-us">')[2].partition("</article>")[
        0
    ]

    assert article.count('class="preheader"') == 2
    assert article.count(">then:<") == 2
    assert article.count("<pre ") == 2


def test_the_page_asks_for_nothing_beside_itself(page: str) -> None:
    outside = r'<(?:img|link|script|iframe)[^>]*(?:src|href)="|url\('
    pictures, mails = held(page, "pictures"), held(page, "mails")
    shown = {name for html in mails.values() for name in re.findall(r"picture:([\w.-]+)", html)}

    assert not re.search(outside, page.partition('<script type="application/json"')[0])
    assert shown == pictures.keys()
    assert all(data.startswith("data:image/png;base64,") for data in pictures.values())
    assert not any(re.search(r'<img[^>]*src="http', html) for html in mails.values())


@pytest.mark.parametrize("name", ["mails", "pictures"])
def test_nothing_in_an_e_mail_ends_the_script_that_holds_it(page: str, name: str) -> None:
    table = page.partition(f'id="{name}">')[2].partition("</script>")[0]

    assert held(page, name)
    assert "<" not in table
