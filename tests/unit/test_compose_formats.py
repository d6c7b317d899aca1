from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.errors import SettingsError
from sekvens.messages.colours import CONTRAST_MIN, contrast, palette
from sekvens.messages.formats import choose_locale, currency_code, day, money, price


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "written"),
    [
        ("1299", "SEK", "sv", "1_299_kr"),
        ("1299.50", "SEK", "sv", "1_299,50_kr"),
        ("1299.00", "SEK", "en", "SEK_1,299"),
        ("12.5", "EUR", "sv", "12,50_€"),
        ("12.5", "EUR", "en", "€12.50"),
        ("1299", "EUR", "de-AT", "€_1.299"),
        ("0", "SEK", "sv", "0_kr"),
    ],
)
def test_money_is_written_as_the_reader_writes_it_and_never_breaks(
    amount, currency, locale, written
):
    text = money(Decimal(amount), currency, locale=locale)

    assert text == written.replace("_", "\N{NO-BREAK SPACE}")


def test_a_day_is_written_as_the_reader_writes_it():
    written = [day(date(2026, 3, 18), locale=locale) for locale in ("sv", "en", "en-US")]

    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in written] == [
        "18 mars",
        "18 March",
        "March 18",
    ]


@pytest.mark.parametrize("posted", [1299, 1299.0, "1299", " 1299.00 ", Decimal(1299)])
def test_a_price_may_be_posted_as_a_number_or_a_text(posted):
    assert price(posted) == Decimal(1299)


@pytest.mark.parametrize(
    "posted",
    [None, "", "gratis", "1 299 kr", True, [1], "NaN", "Infinity", "-5", "1e99", "9" * 40],
)
def test_what_is_no_price_is_not_shown(posted):
    assert price(posted) is None


@given(st.text() | st.floats() | st.integers())
def test_no_posted_price_can_break_an_email(posted):
    amount = price(posted)

    assert amount is None or money(amount, "SEK", locale="sv")


def test_a_currency_is_three_capital_letters():
    assert currency_code("EUR") == "EUR"
    assert [currency_code(odd) for odd in (None, "kr", "eur", "EURO", 752)] == [None] * 5


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("en-GB", "en-GB"),
        ("en_gb", "en-GB"),
        ("sv-FI", "sv"),
        ("de", "sv"),
        ("", "sv"),
        (None, "sv"),
        ("tlh-Qaak", "sv"),
    ],
)
def test_the_nearest_locale_is_chosen(wanted, chosen):
    assert choose_locale(wanted, ("en-GB", "sv"), default="sv") == chosen


def test_a_template_that_lacks_the_shops_own_locale_is_read_in_one_it_has():
    assert choose_locale("de", ("fi",), default="sv") == "fi"


@given(st.integers(0, 0xFFFFFF))
def test_any_accent_colour_can_be_read_by_day_and_by_night(number):
    colours = palette(f"#{number:06x}")

    for accent, grounds in (
        (colours.accent, (colours.paper, colours.ground, colours.on_accent)),
        (colours.night_accent, (colours.night_paper, colours.night_ground)),
        (colours.ink, (colours.paper, colours.ground)),
        (colours.faint, (colours.paper, colours.ground)),
        (colours.night_faint, (colours.night_paper, colours.night_ground)),
    ):
        assert all(contrast(accent, ground) >= CONTRAST_MIN for ground in grounds)


def test_a_colour_that_is_readable_already_is_left_alone():
    assert palette("#8f4522").accent == "#8f4522"


def test_what_is_no_colour_is_refused_with_an_example():
    with pytest.raises(SettingsError, match=r"#rrggbb"):
        palette("red")
