"""Values and texts of files, read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.imports.outcome import Rejected, by_reason
from sekvens.imports.plain import line_of_text, paragraphs
from sekvens.imports.rows import header_name
from sekvens.imports.values import amount_of, amount_text, instant_of, is_web_address


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1895.00 SEK", ("1895", "SEK")),
        ("SEK 1895", ("1895", "SEK")),
        ("1 895,50 kr", ("1895.5", None)),
        ("1\xa0895:-", ("1895", None)),
        ("1,895.00 usd", ("1895", "USD")),
        ("1.895,00", ("1895", None)),
        ("1,895", ("1895", None)),
        ("18,95", ("18.95", None)),
        ("0", ("0", None)),
        *[(wrong, None) for wrong in ("", "-1", "gratis", "1e9", "NaN", "9" * 20, "1 2 3 SEK EUR")],
    ],
)
def test_an_amount(written: str, expected: tuple[str, str | None] | None) -> None:
    found = amount_of(written)

    assert (found and (amount_text(found[0]), found[1])) == expected


@given(st.decimals(0, 10**9, places=2, allow_nan=False))
def test_one_amount_has_one_spelling(number: Decimal) -> None:
    found = amount_of(f"{number:f} SEK")

    assert found is not None
    assert amount_text(found[0]) == amount_text(number)
    assert "E" not in amount_text(number)


@given(st.text(max_size=40))
def test_whatever_is_written_is_read_or_is_none(text: str) -> None:
    amount_of(text)
    instant_of(text)
    is_web_address(text)

    assert "\n" not in line_of_text(text, length_max=10)
    assert len(line_of_text(text, length_max=10)) <= 10


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Varm</p><ul><li>tät<li>rak</ul>", "Varm\n\ntät\nrak"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("<style>p{}</style>Varm<script>x</script>", "Varm"),
        ("3 < 4 & 5 > 2", "3 < 4 & 5 > 2"),
        ("<![x[", ""),
        ("\x00Va\x07rm\u202e", "Varm"),
    ],
)
def test_markup_is_no_part_of_a_text(html: str, text: str) -> None:
    assert paragraphs(html).strip() == text


@pytest.mark.parametrize(
    "wrong",
    [
        *["javascript:alert(1)", "//s.example", "https://", "ftp://s.example", "https://["],
        *["https://s.example/a b", "https://s.example:99999/", f"https://s.example/{'x' * 2_000}"],
    ],
)
def test_what_no_link_should_lead_to(wrong: str) -> None:
    assert not is_web_address(wrong)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("g:image link", "image_link"),
        ("Variant Compare At Price", "variant_compare_at_price"),
        ("Body (HTML)", "body_html"),
        ("Compare-at price", "compare_at_price"),
    ],
)
def test_a_columns_name_is_levelled(column: str, name: str) -> None:
    assert header_name(column) == name


def test_rejected_rows_are_summed_up_by_reason() -> None:
    rejected = [Rejected(line=line, reason="price is missing") for line in range(30, 1, -1)]
    rejected.append(Rejected(line=99, reason="title is missing", rows=40))

    assert by_reason(rejected) == [
        ("title is missing", 40, "99"),
        ("price is missing", 29, "2, 3, 4, 5, 6, 7, 8, 9, 10, 11 …"),
    ]
