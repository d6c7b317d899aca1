"""Every metric, counted by SQL and counted again in plain Python, comes to the same numbers."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import product
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.dimensions import PERIODS
from sekvens.metrics.reading import Asked, Number, read
from tests.unit.metering import COUNTED, RULES, ZONE, Meter, life, purchases, set_apart, sign_ups
from tests.unit.recounting import Entry, Recount

ALL_TIME = {"since": date(1995, 1, 1), "until": date(2000, 1, 1)}
TODAY = date(1998, 8, 1)
#: The real stream is of a year and a half: these months of it, of some customers.
SINCE, CUSTOMERS = date(1998, 3, 1), 60
BY = ((), ("flow",), ("month",), ("week", "locale"), ("flow", "step"), ("purpose", "version"),
      ("category",), ("cart-value", "step"), ("variant",), ("variant", "flow", "month"),
      ("variant", "version"), ("variant", "category"), ("segment",), ("segment", "week"),
      ("segment", "flow"))  # fmt: skip


def counted(database: Database) -> Meter:
    """Let the real purchases of some customers happen, with letters around them, and count."""
    meter = Meter(database, seed=7)
    bought = [each for each in purchases(CUSTOMERS) if each.day >= SINCE]
    meter.join(sign_ups(meter, bought))
    with meter.at_once():
        for deed in life(meter, bought):
            deed()
    set_apart(meter)
    meter.refresher.refresh()
    return meter


def named(entry: Entry, by: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Name the groups that it counts in: several, where these overlap."""
    year, week, _ = entry.day.isocalendar()
    periods = {"month": f"{entry.day:%Y-%m}", "week": f"{year}-W{week:02}"}
    told = periods | entry.groups
    return list(product(*(entry.several.get(each, [told.get(each)]) for each in by)))


def can(name: str, by: tuple[str, ...]) -> bool:
    beside = ("segment", "flow") if "segment" in by else METRICS[name].by
    return all((each in METRICS[name].by and each in beside) or each in PERIODS for each in by)


def asked() -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in COUNTED:
        yield from ((name, by) for by in BY if can(name, by))


def same(found: Number, entries: list[Entry], value: float) -> bool:
    """Tell whether a number and its two sums are what was counted by hand."""
    above, below = (sum(getattr(e, part) for e in entries) for part in ("above", "below"))
    is_quantile = METRICS[found.metric].quantile is not None
    wanted = [value, below, *([] if is_quantile else [above])]
    return wanted == pytest.approx(
        [found.value, found.denominator, *([] if is_quantile else [found.numerator])]
    )


@pytest.mark.timeout(900)  # a minute of work, on a machine that does other things
def test_every_metric_counted_again_from_the_raw_rows_is_the_same(database: Database):
    meter = counted(database)
    with meter.database.read() as session:
        recount = Recount(session, zone=ZONE, currency="USD")
        whole = read(session, Asked(names=COUNTED, **ALL_TIME), RULES, today=TODAY)
        for name, by in asked():
            numbers = read(session, Asked(names=[name], by=by, **ALL_TIME), RULES, today=TODAY)
            entries: defaultdict[tuple[Any, ...], list[Entry]] = defaultdict(list)
            for entry in recount.entries(name):
                for group in named(entry, by):
                    entries[group].append(entry)
            values = {key: recount.value(name, each) for key, each in entries.items()}
            wanted = {key: value for key, value in values.items() if value is not None}
            found = {tuple(each.group.values()): each for each in numbers if each.denominator}

            assert wanted, (name, by)
            assert found.keys() == wanted.keys(), (name, by)
            for key, value in wanted.items():
                assert same(found[key], entries[key], value), (name, by, key, found[key], value)
    assert [each.metric for each in whole if not each.value] == [], "nothing was compared"
