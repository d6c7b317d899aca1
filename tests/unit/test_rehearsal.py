"""The rehearsal of a deploy: its change of the code fits this checkout, its judge can say no."""

from collections.abc import Sequence

import pytest

from tests.e2e.checkouts import GUARDED, UNGUARDED
from tests.e2e.rehearsed import NEW, OLD, is_astray
from tests.e2e.who_worked import Ordered
from tests.sabotage.bench import occurrences
from tests.sabotage.sabotages import Change


@pytest.mark.parametrize("changes", [GUARDED, UNGUARDED])
def test_the_rehearsed_change_fits_todays_workflow(changes: Sequence[Change]):
    assert [occurrences(each) for each in changes] == [1, 1]


@pytest.mark.parametrize(
    ("build_id", "code", "astray"),
    [(OLD, OLD, False), (NEW, NEW, False), (OLD, NEW, True), (NEW, OLD, True)],
)
def test_an_order_by_another_code_than_its_workers_is_astray(
    *, build_id: str, code: str, astray: bool
):
    fine = Ordered(summary="hello", build_id=OLD, new_code=False)
    other = Ordered(summary="who-we-are", build_id=build_id, new_code=code == NEW)

    assert is_astray([fine, other]) == astray


def test_what_is_ordered_again_keeps_its_code():
    first, again = (Ordered(summary="x", build_id=by, new_code=False) for by in (OLD, NEW))

    assert not is_astray([first, again])
