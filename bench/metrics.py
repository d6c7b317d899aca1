"""Pages of metrics on PostgreSQL: read from counts, beside the same window counted from the rows.

Whole requests of the dashboard's pages stand below. `python -m bench.metrics` takes 10 million
generated messages (and 15 GB while it runs) and gives each day the counts of one; `--million`
counts every day of a million messages, `--short` of a hundred thousand.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from bench.counts import count_one_day
from bench.dashboard import requests
from bench.harness import arguments, cpu_seconds, machine, postgres, scratch
from bench.rows import MAIL, Shop, fill, vacuum
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.flows.catalogue import CATALOGUE
from sekvens.metrics import pages
from sekvens.metrics.calendar import Quarter
from sekvens.metrics.counting import asking_for_reviews, counts
from sekvens.metrics.quarters import quarters
from sekvens.metrics.refresh import CLICKS, FACTS, Refresher
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import MetricDay, MetricMark

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
RULES = Rules(zone=ZoneInfo("Europe/Stockholm"), currency="SEK")
#: A page has so long on PostgreSQL.
GOAL_MS = 300
#: Late reports of a refresh, spread over the messages of so many days.
LATE, LATE_DAYS = 1_000, 30
#: The flow that is looked at.
FLOW = CATALOGUE[3].name
ROUNDS = 9


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--million", "one million messages"))
    print(machine())
    messages = 100_000 if given.short else 1_000_000 if given.million else 10_000_000
    days = 60 if given.short else 730
    with scratch() as folder, postgres(folder) as url:
        database = Database(url)
        shop = Shop(messages=messages, days=days, now=NOW)
        metadata.create_all(database.engine)
        fill(database, shop, MAIL)
        refresher = Refresher(database=database, clock=FrozenClock(NOW), rules=RULES)
        print(f"\nMetrics of {messages:,} messages in {days} days, PostgreSQL")
        if given.short or given.million:
            _soil_all(database, shop)
            took = _timed(refresher.refresh)
            print(f"  counting all {_rows(database, 'metric_days')} days: {took:,.1f} s")
        else:
            took = count_one_day(database, shop, RULES)
            vacuum(database)
            print(f"  counting one day: {took:,.1f} s; the other {days} are given the same counts")
        print(f"  rows to read from: {_rows(database, 'metric_counts'):,}")
        _show_pages(database, RULES.day_of(shop.first))
        _show_requests(database)
        _show_refreshes(database, refresher, shop)
        database.close()


def _soil_all(database: Database, shop: Shop) -> None:
    """Leave every day to be counted."""
    dirty = [
        {"period": "day", "day": shop.first.date() + timedelta(days=n), "is_dirty": True}
        for n in range(shop.days + 1)
    ]
    with database.write() as session:
        session.execute(insert(MetricDay), dirty)
        for name in (FACTS, CLICKS):
            session.add(MetricMark(name=name, through_id=0, through_at=NOW))


def _show_pages(database: Database, first: date) -> None:
    today = RULES.day_of(NOW)
    month = pages.Period(since=today - timedelta(days=30), until=today)
    ever = pages.Period(since=first, until=today)
    reads: Mapping[str, Callable[[Session], object]] = {
        "overview, 30 days": lambda s: pages.overview(s, month, RULES, today=today),
        "overview, all days": lambda s: pages.overview(s, ever, RULES, today=today),
        "the board, 5 quarters": lambda s: quarters(s, Quarter.of(today), 5, RULES, today=today),
        "a flow, 30 days": lambda s: pages.flow(s, FLOW, month, RULES, today=today),
        "a flow, all days": lambda s: pages.flow(s, FLOW, ever, RULES, today=today),
        "carts, 30 days": lambda s: pages.carts(s, month, RULES, today=today),
        "carts, all days": lambda s: pages.carts(s, ever, RULES, today=today),
        "contacts, all days": lambda s: pages.contacts(s, ever, RULES, today=today),
    }
    raw = _timed(lambda: _count_rows(database, month.since, month.until)) * 1000
    print(f"  {'from the rows, 30 days (baseline)':<36} {raw:>9,.0f} ms")
    for name, page in reads.items():
        walls, used = _measured(database, page)
        ratio = f"{raw / walls[ROUNDS // 2]:,.0f} x as quick" if "30 days" in name else ""
        verdict = "" if used < GOAL_MS else f"over {GOAL_MS} ms"
        print(f"  {name:<36} {walls[ROUNDS // 2]:>9,.0f} ms  worst {walls[-1]:,.0f}  "
              f"processor time {used:,.0f} ms  {ratio} {verdict}".rstrip())  # fmt: skip


def _show_requests(database: Database) -> None:
    """Show whole requests of the dashboard, the first of each left out."""
    for took in requests(database, now=NOW):
        verdict = "" if took.used < GOAL_MS else f"over {GOAL_MS} ms"
        print(f"  {took.path:<36} {took.walls[len(took.walls) // 2]:>9,.0f} ms  "
              f"worst {took.walls[-1]:,.0f}  processor time {took.used:,.0f} ms "
              f"{verdict}".rstrip())  # fmt: skip


def _measured(database: Database, page: Callable[[Session], object]) -> tuple[list[float], float]:
    """Tell the wall times of some rounds, sorted, and the processor time of one, in ms.

    Processor time is ours and that of PostgreSQL's process for us; on a busy machine it says more.
    """
    with database.read() as session:
        backend = {"postgres": session.scalar(text("SELECT pg_backend_pid()"))}
        page(session)
        began, server = time.process_time(), cpu_seconds(backend)["postgres"]
        walls = sorted(_timed(lambda: page(session)) * 1000 for _ in range(ROUNDS))
        used = time.process_time() - began + cpu_seconds(backend)["postgres"] - server
    return walls, used * 1000 / ROUNDS


def _show_refreshes(database: Database, refresher: Refresher, shop: Shop) -> None:
    quiet = _timed(refresher.refresh)
    with database.write() as session:
        lately = shop.messages * LATE_DAYS // shop.days
        given = {"begin": shop.messages - lately, "every": lately // LATE}
        session.execute(
            text("INSERT INTO feedback (id, type, message_id, is_ours, at, read_at, raw, kind) "
                 "SELECT 'f-' || g, 'Complaint', 'm-' || :begin + g * :every, true, :now, :now, "
                 "'{}', 'complained' FROM generate_series(0, :late - 1) g"),
            {**given, "now": NOW, "late": LATE},
        )  # fmt: skip
    late = _timed(refresher.refresh)
    print(f"  a refresh without news: {quiet * 1000:,.0f} ms")
    print(f"  a refresh after {LATE:,} late reports of {LATE_DAYS} days: {late:,.1f} s")


def _count_rows(database: Database, since: date, until: date) -> int:
    with database.read() as session:
        span = RULES.begins(since), RULES.begins(until)
        asking = asking_for_reviews(session)
        return sum(1 for _ in counts(session, span, span, asking=asking))


def _rows(database: Database, table: str) -> int:
    with database.read() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
