"""The rehearsal of a deploy: its change of the code fits this checkout, its judge can say no."""

from collections.abc import Sequence

import pytest

from sekvens.demo.processes import ROOT
from tests.e2e.checkouts import GUARDED, UNGUARDED, changed
from tests.e2e.rehearsed import NEW, OLD, is_astray
from tests.e2e.who_worked import Ordered

WORKFLOW = (ROOT / "workflows" / "enrollment.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("change", [GUARDED, UNGUARDED])
def test_the_rehearsed_change_fits_todays_workflow(change: Sequence[tuple[str, str]]):
    source = changed(WORKFLOW, change)

    compile(source, "enrollment.py", "exec")
    assert source.count("await workflow.sleep(") == 1


def test_a_change_that_fits_no_more_is_refused():
    with pytest.raises(AssertionError, match="adapt the rehearsal's change"):
        changed(WORKFLOW.replace("limit = self", "most = self"), GUARDED)


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
