"""Whether a price may be called reduced: what was charged before decides."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sekvens.products.prices import Charged, reduction
from tests.conftest import NOON


def history(*charged: tuple[float, int, int | None], currency: str = "SEK") -> list[Charged]:
    """Write a history: days before noon, price, regular price."""
    return [
        Charged(
            price=Decimal(price),
            regular_price=Decimal(regular) if regular else None,
            currency=currency,
            at=NOON - timedelta(days=days),
        )
        for days, price, regular in charged
    ]


@pytest.mark.parametrize(
    ("charged", "expected"),
    [
        pytest.param([(60, 100, None), (0, 80, 100)], (100, 100), id="a plain reduction"),
        pytest.param(
            [(60, 100, None), (20, 90, None), (10, 100, None), (0, 80, 100)],
            (100, 90),
            id="the lowest of the thirty days stands beside it",
        ),
        pytest.param(
            [(90, 70, None), (31, 100, None), (0, 80, 100)],
            (100, 100),
            id="what was charged before the thirty days does not count",
        ),
        pytest.param(
            [(90, 70, None), (29, 100, None), (0, 80, 100)],
            None,
            id="dearer than within the thirty days is no reduction",
        ),
        pytest.param([(0, 80, 100)], None, id="nobody knows what it cost before"),
        pytest.param([(29, 100, None), (0, 80, 100)], None, id="known for too short a time"),
        pytest.param([(30, 100, None), (0, 80, 100)], (100, 100), id="known for thirty days"),
        pytest.param([(60, 100, None), (0, 80, None)], None, id="cheaper, and not said so"),
        pytest.param([(60, 100, None), (0, 80, 80)], None, id="compared with itself"),
        pytest.param(
            [(60, 100, None), (0, 80, 500)], (100, 100), id="a former price nobody was asked for"
        ),
        pytest.param(
            [(60, 80, None), (0, 80, 100)], None, id="a former price put beside the usual one"
        ),
        pytest.param(
            [(99, 100, None), (50, 80, 100), (10, 80, 120)],
            (100, 100),
            id="a reduction that lasts is counted from its beginning",
        ),
        pytest.param(
            [(99, 100, None), (10, 80, 100), (0, 60, 100)],
            (100, 80),
            id="of cuts that follow each other the last one counts",
        ),
        pytest.param([], None, id="no price at all"),
    ],
)
def test_a_reduction(
    charged: list[tuple[float, int, int | None]], expected: tuple[int, int] | None
) -> None:
    found = reduction(history(*charged))

    assert (found and (found.was_price, found.lowest_price_30_days)) == expected


def test_a_price_in_another_currency_proves_nothing() -> None:
    euros = history((60, 10, None), currency="EUR")

    assert reduction([*euros, *history((31, 100, None), (0, 80, 100))]) is None
