"""docs/metrics.md defines each metric as the code does: its table is made of the definitions."""

import os
from pathlib import Path

import pytest

from sekvens.metrics.definitions import METRICS, Metric, Unit
from sekvens.metrics.dimensions import COLUMNS
from sekvens.metrics_section import MetricsSettings

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGINS, ENDS = "<!-- the definitions, from code -->\n", "<!-- end -->\n"
_UNITS = {
    Unit.SHARE: "share",
    Unit.SCORE: "score",
    Unit.MONEY: "money each",
    Unit.DAYS: "days",
    Unit.NUMBER: "each",
}


def table() -> str:
    head = "| Metric | Numerator | Denominator | Window | Left out | By |\n"
    return head + "|---|---|---|---|---|---|\n" + "".join(map(line, METRICS.values()))


def line(metric: Metric) -> str:
    by = ", ".join(metric.by) or "periods alone"
    cells = (f"`{metric.name}`, {_UNITS[metric.unit]}", metric.above, metric.below, metric.window,
             metric.left_out, by)  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def test_the_page_defines_every_metric_as_the_code_does():
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGINS)
    written, after = rest.split(ENDS)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(before + BEGINS + table() + ENDS + after, encoding="utf-8")

    assert written == table(), "UPDATE_DOCS=1 writes it"


def test_every_setting_of_metrics_is_explained():
    page = PAGE.read_text(encoding="utf-8")

    assert all(f"`{name}`" in page for name in MetricsSettings.__struct_fields__)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_in_full_what_it_is(name: str):
    metric = METRICS[name]
    windows = {each.until for each in metric.numerator if isinstance(each.until, str)}

    assert all((metric.above, metric.below, metric.window, metric.left_out, metric.without))
    assert set(metric.by) <= COLUMNS.keys()
    assert metric.beside is None or metric.beside in METRICS
    assert all(f"`{window}`" in metric.window for window in windows)
    assert metric.denominator or "no " in metric.without
