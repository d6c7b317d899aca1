"""A quarter held against the one before and its target: what may be said, and what may not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.metrics.comparing import Compared, Verdict, compared, contributions, newest_and_before
from sekvens.metrics.definitions import Unit
from sekvens.metrics.quarters import Bold
from sekvens.metrics.reading import FEW, Number
from tests.unit.boarding import NOW

BEFORE = NOW.after(-1)
FLOWS = ("welcome", "winback")


def number(some: int, of: int, quarter: Any = NOW, *, unit: Unit = Unit.SHARE, **group: Any):
    scale = 100 if unit is Unit.SCORE else 1
    return Number(
        metric="open-rate", unit=unit, group={"quarter": str(quarter), **group},
        value=some / of * scale if of else None, numerator=some, denominator=of,
        is_few=0 < of < FEW, may_grow=False, without="" if of else "none",
    )  # fmt: skip


def seen(
    before: tuple[int, int], now: tuple[int, int], *, target: float | None = None, **kind: Any
) -> Compared:
    numbers = (number(*before, BEFORE, **kind), number(*now, **kind))
    return compared(Bold(name="open-rate", numbers=numbers, beside=(), tables={}), target=target)


def by_flow(before: tuple[tuple[int, int], ...], now: tuple[tuple[int, int], ...]):
    """Make a metric of two flows, each with what it came to before and now."""
    table = [
        number(*each, quarter, flow=flow)
        for quarter, told in ((BEFORE, before), (NOW, now))
        for flow, each in zip(FLOWS, told, strict=True)
    ]
    whole = [
        number(*(sum(part) for part in zip(*told, strict=True)), quarter)
        for quarter, told in ((BEFORE, before), (NOW, now))
    ]
    return Bold(name="open-rate", numbers=whole, beside=(), tables={"by flow": table})


def test_a_change_is_told_in_points_with_whether_chance_could_have_done_it():
    little, much = seen((300, 1000), (310, 1000)), seen((300, 1000), (400, 1000))

    assert (round(little.points or 0, 3), little.is_sure) == (1.0, False)
    assert (round(much.points or 0, 3), much.is_sure) == (10.0, True)


def test_a_score_changes_in_its_own_points_and_nothing_is_said_of_chance():
    change = seen((10, 100), (30, 100), unit=Unit.SCORE)

    assert (round(change.points or 0, 3), change.is_sure) == (20.0, None)


@pytest.mark.parametrize(
    ("before", "now"), [((9, 29), (30, 100)), ((30, 100), (9, 29)), ((0, 0), (30, 100))]
)
def test_of_too_few_or_nothing_no_change_is_told(before: tuple[int, int], now: tuple[int, int]):
    assert seen(before, now).points is None


@pytest.mark.parametrize(
    ("now", "target", "verdict"),
    [
        ((35, 100), 0.35, Verdict.MET), ((34, 100), 0.35, Verdict.MISSED),
        ((20, 29), 0.35, Verdict.TOO_FEW), ((35, 100), None, Verdict.NONE),
        ((0, 0), 0.35, Verdict.NONE),
    ],
)  # fmt: skip
def test_a_target_is_met_missed_or_not_to_be_judged(
    now: tuple[int, int], target: float | None, verdict: Verdict
):
    assert seen((30, 100), now, target=target).verdict is verdict


def test_the_flow_that_most_came_from_is_named():
    found = compared(by_flow(((100, 500), (100, 500)), ((100, 500), (200, 500))), target=None)

    assert found.mostly == "winback"


def test_a_flow_that_grew_and_was_better_all_along_is_named_too():
    found = compared(by_flow(((50, 500), (50, 100)), ((50, 500), (500, 1000))), target=None)

    assert found.mostly == "winback"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (((100, 500), (100, 500)), ((101, 500), (100, 500))),  # chance
        (((0, 0), (100, 500)), ((0, 0), (100, 500))),  # no change
    ],
)
def test_where_there_is_no_change_for_sure_nobody_made_it(
    before: tuple[tuple[int, int], ...], now: tuple[tuple[int, int], ...]
):
    assert compared(by_flow(before, now), target=None).mostly is None


counts = st.tuples(st.integers(0, 500), st.integers(1, 500)).map(
    lambda pair: (min(pair), max(pair))
)


@given(before=st.tuples(counts, counts), now=st.tuples(counts, counts))
def test_what_flows_contribute_adds_up_to_the_whole_change(
    before: tuple[tuple[int, int], ...], now: tuple[tuple[int, int], ...]
):
    bold = by_flow(before, now)
    parts = contributions(bold.tables["by flow"], *bold.numbers)

    change = 100 * ((bold.numbers[1].value or 0) - (bold.numbers[0].value or 0))
    assert sum(parts.values()) == pytest.approx(change, abs=1e-9)


def test_a_flow_that_only_grew_and_came_to_what_all_did_contributed_nothing():
    bold = by_flow(((20, 100), (20, 100)), ((200, 1000), (30, 100)))
    parts = contributions(bold.tables["by flow"], *bold.numbers)

    assert parts["welcome"] == pytest.approx(0)
    assert parts["winback"] == pytest.approx(100 * 10 / 1100)


def test_groups_are_paired_with_the_quarter_before_the_largest_first():
    table = [
        number(1, 50, flow="a"), number(2, 90, flow="b"), number(3, 40, BEFORE, flow="a"),
        number(0, 0, flow="c"), number(5, 99, BEFORE, flow="d"),
    ]  # fmt: skip
    pairs = newest_and_before(table, NOW)

    assert [now.group["flow"] for now, _ in pairs] == ["b", "a"]
    assert [before and before.numerator for _, before in pairs] == [None, 3]
