"""Every way on of every flow version that was ever released stands in a recorded history."""

from collections.abc import Iterable

import pytest
from temporalio.client import WorkflowHistory

from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import UNSUBSCRIBE_RULES, Graph
from tests.replay.recording import history_of, recorded
from tests.replay.ways import Way, exits, graph_of, left_for, ways_of, ways_on

Version = tuple[str, int]


class Walked:
    """What the histories of one flow version went through."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.ways: set[Way] = set()
        self.reasons: set[str] = set()

    def missing(self) -> set[Way]:
        """What no history went: ways on, and exit rules."""
        rules = {("any step", reason) for reason in exits(self.graph) - self.reasons}
        return (set(ways_on(self.graph)) - self.ways) | rules


def walked(histories: Iterable[WorkflowHistory]) -> dict[Version, Walked]:
    found: dict[Version, Walked] = {}
    for history in histories:
        graph = graph_of(history)
        flow = found.setdefault((graph.flow.name, graph.flow.version), Walked(graph))
        flow.ways |= set(ways_of(history))
        flow.reasons |= left_for(history)
    return found


@pytest.fixture(scope="module")
def all_of_them() -> dict[Version, Walked]:
    return walked(map(history_of, recorded()))


def test_each_flow_of_the_catalogue_has_histories_in_its_version(all_of_them):
    assert {(flow.name, flow.version) for flow in CATALOGUE} <= set(all_of_them)


def test_a_version_that_was_released_is_followed_by_no_gap(all_of_them):
    newest = {flow.name: flow.version for flow in CATALOGUE}
    released = {(name, n + 1) for name, version in newest.items() for n in range(version)}

    assert released == set(all_of_them)


def test_every_way_on_of_every_released_version_is_recorded(all_of_them):
    missing = {version: flow.missing() for version, flow in all_of_them.items()}

    assert {version: ways for version, ways in missing.items() if ways} == {}
    assert sum(len(set(ways_on(flow.graph))) for flow in all_of_them.values()) > 200


def test_what_the_law_adds_to_flows_is_recorded_of_some(all_of_them):
    reasons = set().union(*(flow.reasons for flow in all_of_them.values()))

    assert {str(rule.reason) for rule in UNSUBSCRIBE_RULES} <= reasons


def test_what_no_history_went_is_missed():
    [alone] = walked([history_of("welcome-all-the-way.v3")]).values()

    assert alone.missing() == {
        ("promised-a-code", "no-code"),
        ("no-code", "completed"),
        ("any step", "converted"),
    }
