"""The arithmetic of experiments, against what has been published of it."""

import pytest

from sekvens.experiments.bounds import ALPHA, bound, constant, crossing, inflation
from sekvens.experiments.intervals import Amounts, Effect, amounts, means, score_of_shares, shares
from sekvens.experiments.samples import (
    alpha_of_each,
    chi_square_tail,
    contacts_for_mean,
    contacts_for_share,
    contacts_in_all,
    mismatch,
)

HALVES = (("a", 1.0), ("b", 1.0))


def some(count: int, contacts: int) -> Amounts:
    return Amounts(contacts=contacts, some=count, total=float(count), squares=float(count))


@pytest.mark.parametrize(
    ("looks", "published"),  # Jennison and Turnbull (2000), table 2.3: O'Brien-Fleming, 5 %
    [(1, 1.960), (2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087), (20, 2.126)],
)
def test_bounds_are_those_that_have_been_published(looks: int, published: float):
    assert constant(looks) == pytest.approx(published, abs=6e-4)
    assert bound(looks, looks) == constant(looks)
    assert bound(1, 4) == pytest.approx(2 * constant(4))


@pytest.mark.parametrize(
    ("looks", "published"),  # table 2.4: contacts needed, against a single look, power 80 %
    [(1, 1.0), (2, 1.008), (3, 1.017), (5, 1.028), (10, 1.040)],
)
def test_several_looks_cost_as_many_more_contacts_as_has_been_published(
    looks: int, published: float
):
    assert inflation(looks) == pytest.approx(published, abs=6e-4)


def test_all_looks_together_are_wrong_as_often_as_was_said():
    assert crossing(28, constant(28)) == pytest.approx(ALPHA, abs=1e-9)
    assert crossing(28, constant(28, 0.025)) == pytest.approx(0.025, abs=1e-9)
    assert crossing(10, 1.96) > 0.068  # too often, if the last look asks as little as a single one


def test_newcombes_interval_is_that_of_his_paper():
    found = shares(some(48, 80), some(56, 70))  # Newcombe (1998), example (a), method 10

    assert found is not None
    assert (found.low, found.value, found.high) == pytest.approx((0.0524, 0.2, 0.3339), abs=5e-5)


def test_shares_of_nobody_and_of_everybody_have_limits_too():
    found = shares(some(0, 10), some(10, 10))

    assert found is not None
    assert 0 < found.low < found.value == 1.0
    assert shares(some(0, 0), some(1, 10)) is None
    assert score_of_shares(some(0, 10), some(0, 10)) == 0.0


def test_the_spread_of_revenue_is_taken_of_both_groups_together():
    first, other = amounts(100, [1.0] * 25), amounts(100, [3.0] * 25)
    found = means(first, other, score=2.0)

    variance = (25 * 1 + 25 * 9 - 200 * 0.5**2) / 199
    half = 2.0 * (variance * 2 / 100) ** 0.5
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_what_few_contacts_ordered_for_is_not_known():
    assert means(amounts(500, [10.0] * 9), amounts(500, [10.0] * 30)) is None
    assert means(amounts(500, [10.0] * 9), amounts(500, [10.0] * 31)) is not None


def test_whether_it_is_known_does_not_depend_on_which_of_two_groups_ordered():
    held = [means(amounts(300, [9.0] * n), amounts(2_700, [9.0] * (180 - n))) for n in (5, 30)]

    assert held == [None, None]  # 18 of 300, at the rate of all 3,000
    assert means(amounts(300, [9.0] * 5), amounts(2_700, [9.0] * 195)) is not None


def test_an_effect_is_known_when_its_interval_is_on_one_side():
    known = Effect(low=0.1, value=0.2, high=0.3)

    assert known.is_known
    assert Effect(low=-0.3, value=-0.2, high=-0.1).is_known
    assert not Effect(low=-0.1, value=0.2, high=0.5).is_known
    assert known.times(10) == Effect(low=1.0, value=2.0, high=3.0)


def test_the_contacts_needed_are_those_of_the_textbook():
    assert contacts_for_share(0.04, 0.15) == 17_943  # Fleiss (1981), without correction
    assert contacts_for_mean(10.0, 400.0, 0.1) == 6_280
    assert contacts_in_all(1_000, variants=2, looks=1) == 2_000
    assert contacts_in_all(1_000, variants=2, looks=10) == 2_080


def test_several_variants_share_what_may_go_wrong():
    assert [alpha_of_each(variants) for variants in (2, 3, 5)] == [0.05, 0.025, 0.0125]


@pytest.mark.parametrize(
    ("square", "degrees", "published"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (7.815, 3, 0.05), (18.467, 4, 0.001), (0.0, 3, 1.0)],
)
def test_chi_square_has_the_tails_of_the_tables(square: float, degrees: int, published: float):
    assert chi_square_tail(square, degrees) == pytest.approx(published, rel=2e-3)


def test_a_split_that_chance_would_hardly_make_is_a_mismatch():
    assert mismatch({"a": 5_200, "b": 4_800}, HALVES) == pytest.approx(6.3e-5, rel=0.01)
    assert mismatch({"a": 5_050, "b": 4_950}, HALVES) > 0.3
    assert mismatch({"a": 900, "b": 100}, (("a", 9.0), ("b", 1.0))) == 1.0
    assert mismatch({}, HALVES) == 1.0
