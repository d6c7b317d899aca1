"""The lot: the same for ever, by the weights, and a variant that is added moves nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.experiments.samples import mismatch
from sekvens.flows.lots import draw, holdout_weights, is_held_out

CONTACTS = [f"c-{number}" for number in range(4_000)]
weights = st.lists(st.floats(0.1, 10), min_size=2, max_size=4).map(
    lambda given: tuple((f"v{number}", weight) for number, weight in enumerate(given))
)


def test_a_draw_never_changes_from_one_version_to_the_next():
    drawn = [draw("welcome/subject", f"c-{n}", (("a", 1.0), ("b", 1.0))) for n in range(20)]

    assert "".join(drawn) == "aababaababbbabbbbaab"


@pytest.mark.parametrize(
    "given",
    [(("a", 1.0), ("b", 1.0)), (("a", 9.0), ("b", 1.0)), (("a", 1.0), ("b", 2.0), ("c", 4.0))],
)
def test_variants_are_drawn_as_often_as_their_weights_say(given: tuple[tuple[str, float], ...]):
    drawn = [draw("welcome/subject", contact, given) for contact in CONTACTS]

    assert mismatch({name: drawn.count(name) for name, _ in given}, given) > 0.001


def test_one_experiment_says_nothing_of_another():
    halves = holdout_weights(0.5)
    both = [(draw("one", c, halves), draw("two", c, halves)) for c in CONTACTS]
    four = tuple((f"{a}{b}", 1.0) for a in ("holdout", "treated") for b in ("holdout", "treated"))

    assert (
        mismatch({name: sum(f"{a}{b}" == name for a, b in both) for name, _ in four}, four) > 0.001
    )


@settings(max_examples=30)
@given(given=weights, added=st.floats(0.1, 10))
def test_a_variant_that_is_added_moves_nobody_between_the_others(
    given: tuple[tuple[str, float], ...], added: float
):
    before = {c: draw("x", c, given) for c in CONTACTS[:300]}
    after = {c: draw("x", c, (*given, ("new", added))) for c in before}

    assert {c: name for c, name in after.items() if name != "new"} == {
        c: before[c] for c, name in after.items() if name != "new"
    }


def test_a_holdout_of_nothing_holds_nobody_out_and_a_larger_one_keeps_who_was_held():
    held = [{c for c in CONTACTS if is_held_out("everything", c, s)} for s in (0, 0.05, 0.2)]

    assert held[0] == set()
    assert held[1] < held[2]
    assert 100 < len(held[1]) < 300
