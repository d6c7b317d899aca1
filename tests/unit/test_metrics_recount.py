"""Every metric, counted by SQL and counted again in plain Python, comes to the same numbers."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.reading import Asked, Number, read
from tests.unit.metering import COUNTED, RULES, ZONE, Meter, life, purchases, sign_ups
from tests.unit.recounting import Entry, Recount

ALL_TIME = {"since": date(1995, 1, 1), "until": date(2000, 1, 1)}
TODAY = date(1998, 8, 1)
#: The real stream is of a year and a half: these months of it, of some customers.
SINCE, CUSTOMERS = date(1998, 3, 1), 60
BY = ((), ("flow",), ("month",), ("week", "locale"), ("flow", "step"), ("purpose", "version"),
      ("category",), ("cart-value", "step"))  # fmt: skip


def counted(database: Database) -> Meter:
    """Let the real purchases of some customers happen, with letters around them, and count."""
    meter = Meter(database, seed=7)
    bought = [each for each in purchases(CUSTOMERS) if each.day >= SINCE]
    meter.join(sign_ups(meter, bought))
    with meter.at_once():
        for deed in life(meter, bought):
            deed()
    meter.refresher.refresh()
    return meter


def named(entry: Entry, by: tuple[str, ...]) -> tuple[Any, ...]:
    year, week, _ = entry.day.isocalendar()
    periods = {"month": f"{entry.day:%Y-%m}", "week": f"{year}-W{week:02}"}
    return tuple((periods | entry.groups).get(each) for each in by)


def can(name: str, by: tuple[str, ...]) -> bool:
    return all(each in (*METRICS[name].by, "month", "week") for each in by)


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
                entries[named(entry, by)].append(entry)
            values = {key: recount.value(name, each) for key, each in entries.items()}
            wanted = {key: value for key, value in values.items() if value is not None}
            found = {tuple(each.group.values()): each for each in numbers if each.denominator}

            assert found.keys() == wanted.keys(), (name, by)
            for key, value in wanted.items():
                assert same(found[key], entries[key], value), (name, by, key, found[key], value)
    assert [each.metric for each in whole if not each.value] == [], "nothing was compared"
