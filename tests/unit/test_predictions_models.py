"""Model and rule on real purchases, held against what was published, measured and simulated."""

import csv
from datetime import date

import numpy as np
import pytest

from sekvens.predictions.bg_nbd import BgNbd, Seen, fit, seen_of
from sekvens.predictions.choosing import backtest, choice_of, choose, why_no_model
from sekvens.predictions.gaps import closed_gaps, gap_rule
from sekvens.predictions.judging import errors_of, figures_of, hold_back, ranking
from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.lapsing import gaps_of, level_of, shops_gap
from tests.unit.predicting import (
    CDNOW_AHEAD,
    CDNOW_CUT,
    CDNOW_END,
    cdnow,
    data_file,
    history_of,
)

#: A shop as large as the model needs: every fifteenth customer of CDNOW.
SOME = slice(0, None, 15)
TODAY = date(2026, 3, 4).toordinal()


@pytest.fixture(scope="module")
def held():
    return hold_back(cdnow(), on=CDNOW_CUT, ahead=CDNOW_AHEAD)


@pytest.fixture(scope="module")
def model(held) -> BgNbd:
    fitted = fit(seen_of(held.known, on=CDNOW_CUT))
    assert fitted is not None
    return fitted


def test_the_fitted_parameters_are_those_that_the_paper_published():
    with data_file("lifetimes", "cdnow_customers_summary.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    seen = Seen(
        *(np.array([float(row[name]) for row in rows]) for name in ("frequency", "recency", "T"))
    )

    fitted = fit(seen)

    assert fitted is not None
    found = (fitted.r, fitted.alpha, fitted.a, fitted.b)
    assert found == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.001)


def test_the_formula_says_what_a_simulation_of_the_model_counts():
    model = BgNbd(r=0.8, alpha=4.0, a=0.8, b=2.5)
    counted = simulated(model, customers=400_000, known=20.0, ahead=13.0)

    for repeats, (came, lasts) in counted.items():
        count = np.full(len(lasts), float(repeats))
        seen = Seen(count, lasts, np.full(len(lasts), 20.0))
        said = model.orders(seen, 13.0).mean()
        assert said == pytest.approx(came, rel=0.03), repeats


def simulated(model: BgNbd, *, customers: int, known: float, ahead: float):
    """By repeats until now: the mean of orders to come, and the times of the last."""
    draw = np.random.default_rng(7)
    rate = draw.gamma(model.r, 1 / model.alpha, customers)
    gone = draw.beta(model.a, model.b, customers)
    at, last = np.zeros(customers), np.zeros(customers)
    repeats, later = np.zeros(customers, int), np.zeros(customers, int)
    lives = np.ones(customers, bool)
    while lives.any():
        at = np.where(lives, at + draw.exponential(1 / rate), at)
        lives &= at <= known + ahead
        early = lives & (at <= known)
        repeats[early] += 1
        last[early] = at[early]
        later[lives & (at > known)] += 1
        lives &= draw.random(customers) > gone
    return {x: (later[repeats == x].mean(), last[repeats == x]) for x in (0, 1, 2, 3)}


def test_on_real_customers_it_is_as_good_as_was_measured_by_other_means(held, model: BgNbd):
    told = figures_of(model, held)

    assert len(held.known) == 23_570
    assert told == {"total": pytest.approx(-0.143, abs=0.002),
                    "mae": pytest.approx(0.819, abs=0.002),
                    "auc": pytest.approx(0.763, abs=0.002)}  # fmt: skip


def test_the_model_is_better_than_the_rule_at_everything_on_these_customers(held, model: BgNbd):
    rule = gap_rule(held.known, on=held.on, ahead=held.ahead)
    by_model, by_rule = errors_of(model, held), errors_of(rule, held)

    assert {kind: by_model[kind] < by_rule[kind] for kind in by_rule} == dict.fromkeys(
        by_rule, True
    )


def test_who_orders_every_day_for_years_does_not_overflow(model: BgNbd):
    daily = history_of("c", range(TODAY - 2_000, TODAY))

    (told,) = model.forecasts([daily], on=TODAY)

    assert 30 < told.orders < 90
    assert told.churn < 0.2
    assert model.forecasts([], on=TODAY) == []


def test_the_rule_counts_open_gaps_too():
    back = [history_of(f"b-{n}", (TODAY - 100, TODAY - 90)) for n in range(10)]
    away = [history_of(f"a-{n}", (TODAY - 100,)) for n in range(30)]

    rule = gap_rule([*back, *away], on=TODAY)

    assert rule.lasting[9] == 1
    assert rule.lasting[10] == pytest.approx(0.8)  # ten gaps of fifty have closed
    (new, old) = rule.forecasts([history_of("n", [TODAY]), away[0]], on=TODAY)
    assert (new.churn, new.next_in) == (pytest.approx(0.8), 10)
    assert (old.churn, old.orders) == (1, 0)


def test_below_each_gate_the_rule_predicts_and_says_which_it_is():
    many = [history_of(f"c-{n}", (TODAY - 300, TODAY - 100, TODAY - 9)) for n in range(600)]
    young = [history_of(f"c-{n}", (TODAY - 90, TODAY - 9)) for n in range(600)]
    twice = [history_of(f"c-{n}", (TODAY - 300, TODAY - 9)) for n in range(600)]

    assert why_no_model(many, on=TODAY) is None
    assert "499 customers" in str(why_no_model(many[:499], on=TODAY))
    assert "go back 90 days" in str(why_no_model(young, on=TODAY))
    assert "39 days old" in str(why_no_model(many, on=TODAY + 30))
    assert "0 customers have ordered three times" in str(why_no_model(twice, on=TODAY))
    choice = choose(many[:499], on=TODAY)
    assert set(choice.by.values()) == {Method.RULE}
    assert choice.model is None


def test_with_few_gaps_nothing_is_predicted():
    choice = choose([history_of(f"c-{n}", (1, 2)) for n in range(99)], on=30)

    assert choice.by == {}
    assert "99 gaps between orders are known, 100 are needed" in choice.reason


def test_without_the_extra_the_rule_predicts_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("sekvens.predictions.choosing.find_spec", lambda _name: None)
    choice = choose(cdnow()[SOME], on=CDNOW_END)

    assert set(choice.by.values()) == {Method.RULE}
    assert "requirements-predict.txt" in choice.reason


def test_a_kind_at_which_the_model_was_no_better_stays_with_the_rule(
    monkeypatch: pytest.MonkeyPatch,
):
    real = errors_of
    worse = {Kind.CHURN.value: 1.0}
    monkeypatch.setattr(
        "sekvens.predictions.choosing.errors_of",
        lambda who, held: real(who, held) | (worse if isinstance(who, BgNbd) else {}),
    )

    choice = choose(cdnow()[SOME], on=CDNOW_END)

    assert choice.by[Kind.CHURN] is Method.RULE
    assert choice.by[Kind.ORDERS] is Method.MODEL
    assert "at churn" in choice.reason
    assert "the rule stays" in choice.reason


def test_a_choice_can_be_written_down_and_read_back():
    choice = choose(cdnow()[SOME], on=CDNOW_END)
    back = choice_of(choice.parameters(), reason=choice.reason)

    assert choice.model is not None
    assert (back.model, back.rule, back.level, back.by) == (
        choice.model, choice.rule, choice.level, choice.by,
    )  # fmt: skip


def test_as_many_lapse_as_by_the_shops_gap_and_fewer_orders_are_lost(held):
    told = backtest(held)
    assert told is not None
    lapse = told["kinds"]["lapse"]

    assert lapse["lapsed"]["model"] == pytest.approx(lapse["lapsed"]["rule"], rel=0.01)
    assert lapse["model"] < lapse["rule"]


def test_whoever_lapses_has_been_silent_for_45_to_180_days(held, model: BgNbd):
    gap = shops_gap(held.known)
    level = level_of(model, held.known, on=held.on, gap=gap)
    assert level is not None
    found = gaps_of(model, level, held.known)

    assert (gap, min(found), max(found)) == (125, 45, 180)
    known = [history_of("weekly", range(held.on - 140, held.on, 7)), history_of("once", [held.on])]
    weekly, once = gaps_of(model, level, known)
    assert once < weekly < 180


def test_who_is_expected_within_a_month_orders_far_more_often_in_it_than_others():
    on = min(history.days[0] for history in cdnow()) + 84
    known = [each for history in cdnow() if (each := history.until(on))]
    model = fit(seen_of(known, on=on))
    assert model is not None
    since = {history.contact_id: history.days for history in cdnow()}
    asked = [history for history in known if 56 <= on - history.days[0] <= 70]
    came: dict[bool, list[bool]] = {True: [], False: []}
    for history, told in zip(asked, model.forecasts(asked, on=on), strict=True):
        came[bool(told.next_in < 30)].append(
            any(on < day <= on + 30 for day in since[history.contact_id])
        )

    assert [len(each) for each in came.values()] == [1061, 3007]
    assert np.mean(came[True]) > 3 * np.mean(came[False])


def test_a_gap_is_the_first_day_on_which_less_is_expected(held, model: BgNbd):
    some = held.known[:200]
    level = 0.2
    found = gaps_of(model, level, some)

    for history, gap in zip(some, found, strict=True):
        days = [history.days[-1] + gap - 1, history.days[-1] + gap]
        before, then = (model.forecasts([history], on=day)[0].orders for day in days)
        assert gap == 45 or before >= level
        assert gap == 180 or then < level


def test_the_ranking_is_what_pairs_say():
    assert ranking([3, 2, 1], [True, False, False]) == 1
    assert ranking([1, 1], [True, False]) == 0.5
    assert ranking([1, 2], [True, True]) == 0.5
    assert list(closed_gaps([history_of("c", [1, 4, 9])])) == [3, 5]
