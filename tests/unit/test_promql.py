"""The PromQL of alerts and dashboard, read by a parser: it parses, and what it names is told."""

import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from sekvens.prometheus.asked import GAUGES
from sekvens.prometheus.counted import REGISTRY
from tests.unit.test_docs import read
from tests.unit.test_prometheus import ALERTS, BOARD, EXPRESSIONS, SUFFIXES, families

#: What Prometheus itself puts on every series.
OF_THE_SCRAPE = {"instance", "job"}


def series() -> dict[str, set[str]]:
    """Tell the labels of every series that may be told, and of Prometheus's own `up`."""
    told = {name: set(labels) for name, (_, labels) in GAUGES.items()} | {"up": set()}
    for family in families():
        labels = set(REGISTRY._names_to_collectors[family.name]._labelnames)  # type: ignore[attr-defined]
        for end in SUFFIXES[family.type]:
            told[family.name + end] = labels | ({"le"} if end == "_bucket" else set())
    return {name: labels | OF_THE_SCRAPE for name, labels in told.items()}


SERIES = series()


def faults(expression: str) -> Iterator[str]:
    """Say what an expression names that nobody tells."""
    read = promql_parser.parse(expression.replace("$__rate_interval", "5m"))
    for selector in nodes(read, promql_parser.VectorSelector):
        labels = SERIES.get(selector.name)
        if labels is None:
            yield f"no series {selector.name}"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name not in labels:
                yield f"{selector.name} has no label {matcher.name}"
    for aggregate in nodes(read, promql_parser.AggregateExpr):
        for name in of_result(aggregate):
            for selector in nodes(aggregate, promql_parser.VectorSelector):
                if name not in SERIES.get(selector.name, {name}):
                    yield f"{selector.name} has no label {name}"


def nodes(read: promql_parser.Expr, kind: type[Any]) -> list[Any]:
    """List the parts of an expression that are of one kind."""
    found: list[Any] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, kind):
            found.append(node)

    promql_parser.walk(read, visit)
    return found


def of_result(aggregate: Any) -> list[str]:
    """List the labels by which an aggregation groups."""
    return list(aggregate.modifier.labels) if aggregate.modifier else []


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_parses_and_names_only_what_is_told(expression: str) -> None:
    assert list(faults(expression)) == []


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("max(sekvens_outbox_event) > 60", "no series sekvens_outbox_event"),
        ('sum(rate(sekvens_events_total{kind="x"}[5m]))', "sekvens_events_total has no label kind"),
        ("sum by (le) (rate(sekvens_events_total[5m]))", "sekvens_events_total has no label le"),
        ('up{process="worker"} == 0', "up has no label process"),
    ],
)
def test_what_nobody_tells_is_noticed(expression: str, said: str) -> None:
    assert said in list(faults(expression))


@pytest.mark.parametrize("expression", ["sum by (le (up)", "rate(up)", "max(up) >> 3"])
def test_what_is_no_promql_is_noticed(expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        promql_parser.parse(expression)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_speaks_of_labels_that_it_has(rule: dict[str, Any]) -> None:
    read = promql_parser.parse(rule["expr"])
    has = {label for each in nodes(read, promql_parser.AggregateExpr) for label in of_result(each)}
    spoken = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))

    assert spoken <= (has or OF_THE_SCRAPE)


@pytest.mark.parametrize(
    "panel", [each for each in BOARD["panels"] if each["type"] != "row"], ids=lambda p: p["title"]
)
def test_a_panel_names_its_lines_by_labels_that_they_have(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        read = promql_parser.parse(target["expr"])
        has = {n for each in nodes(read, promql_parser.AggregateExpr) for n in of_result(each)}
        assert set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"])) <= has


def test_the_dashboard_is_laid_out_as_grafana_wants_it() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    cells = [
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(set(ids)) == len(ids)
    assert len(set(cells)) == len(cells)
    assert all(0 <= x < 24 for x, _ in cells)
    for panel in BOARD["panels"]:
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(references)) == len(references)


def test_the_tests_of_the_rules_speak_of_rules_that_there_are() -> None:
    cases = yaml.safe_load(read("deploy/prometheus/alerts_test.yaml"))["tests"]
    tested = {each["alertname"] for case in cases for each in case["alert_rule_test"]}
    given = {
        re.match(r"\w+", each["series"])[0]  # type: ignore[index]
        for case in cases
        for each in case["input_series"]
    }

    assert tested <= {rule["alert"] for rule in ALERTS}
    assert given <= set(SERIES)
