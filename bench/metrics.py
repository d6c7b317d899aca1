"""Pages of metrics on PostgreSQL: read from counts, beside the same window counted from the rows.

Whole requests of the dashboard's pages stand below. `python -m bench.metrics` takes 10 million
generated messages (and 15 GB while it runs), `--million` one million, `--short` a hundred thousand.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Index, insert, text
from sqlalchemy.orm import Session

from bench.dashboard import requests
from bench.harness import arguments, cpu_seconds, machine, postgres, say, scratch
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.experiments.plan import Plan
from sekvens.flows.codec import to_json
from sekvens.flows.steps import Measure
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
#: Late reports of a refresh, spread over all of the time.
LATE = 1_000
#: Flows that messages are generated of.
FLOWS = 15
ROUNDS = 9

#: Messages stand in the order in which they were sent, three to an enrollment, of 15 flows.
_AT = ":first + g * :step + (g % 3) * interval '1 day'"
_FILL: Mapping[str, str] = {
    "contacts": "INSERT INTO contacts (id, traits, traits_at, created_at, updated_at) "
    "SELECT 'c-' || g, '{}', '{}', :first, :first FROM generate_series(0, :n / 20) g",
    "enrollments": "INSERT INTO enrollments (id, flow, flow_version, contact_id, workflow_id, "
    "state, exit_reason, started_at, ended_at, last_seq, delivered_seq) "
    "SELECT 'e-' || g, 'flow-' || g % 15, 1 + g % 2, 'c-' || g % (:n / 20), 'w-' || g, 'ended', "
    "(ARRAY['completed', 'converted', 'unsubscribed'])[1 + g % 3], "
    ":first + 3 * g * :step, "
    ":first + 3 * g * :step + (g % 20) * interval '1 day', "
    "0, 0 FROM generate_series(0, :n / 3) g",
    "messages": "INSERT INTO messages (id, enrollment_id, step_id, contact_id, flow, flow_version, "
    "template, template_digest, purpose, state, attempts, skip_reason, resent_in_doubt, "
    "claimed_at, accepted_at, sent_on, locale, tracks_opens, tracks_clicks) "
    "SELECT 'm-' || g, 'e-' || g / 3, 'step-' || g % 3, 'c-' || (g / 3) % (:n / 20), "
    "'flow-' || (g / 3) % 15, 1 + (g / 3) % 2, 't', 'd' || g % 9, "
    "CASE WHEN (g / 3) % 5 = 0 THEN 'transactional' ELSE 'marketing' END, "
    "CASE WHEN g % 20 = 7 THEN 'skipped' ELSE 'accepted' END, 1, "
    "CASE WHEN g % 20 = 7 THEN 'frequency_cap' END, false, "
    f"{_AT}, {_AT}, CASE WHEN g % 20 <> 7 THEN {_AT} END, "
    "CASE WHEN g % 5 = 0 THEN 'en' ELSE 'sv' END, g % 7 < 3, g % 7 < 5 "
    "FROM generate_series(0, :n - 1) g",
    "message_fates": "INSERT INTO message_fates (message_id, state, at) SELECT 'm-' || g, "
    "CASE WHEN g % 100 = 3 THEN 'bounced' WHEN g % 1000 = 5 THEN 'complained' "
    f"ELSE 'delivered' END, {_AT} FROM generate_series(0, :n - 1) g WHERE g % 20 <> 7",
    "engagement": "INSERT INTO engagement (kind, source, message_id, contact_id, at, is_machine) "
    "SELECT CASE WHEN g % 25 = 0 THEN 'click' ELSE 'open' END, 'ses', 'm-' || g, "
    f"'c-' || (g / 3) % (:n / 20), {_AT}, g % 5 = 1 "
    "FROM generate_series(0, :n - 1) g WHERE g % 4 = 0 OR g % 5 = 1 OR g % 25 = 0",
    "message_effects": "INSERT INTO message_effects (message_id, kind, value, at) "
    "SELECT 'm-' || g, CASE WHEN g % 300 = 0 THEN 'unsubscribed' "
    "ELSE 'answer/would-recommend' END, CASE WHEN g % 300 <> 0 THEN CAST(g % 11 AS text) END, "
    f"{_AT} FROM generate_series(0, :n - 1) g WHERE g % 50 = 0",
    "order_results": "INSERT INTO order_results (contact_id, order_id, ordered_at, nth, next_days, "
    "amount, message_id) SELECT 'c-' || g % (:n / 20), 'o-' || g, "
    ":first + 30 * g * :step, 1 + g / (:n / 20), g % 200, "
    "10000 + g % 90000, CASE WHEN g % 3 = 0 THEN 'm-' || g * 30 END "
    "FROM generate_series(0, :n / 30 - 1) g",
    "cart_results": "INSERT INTO cart_results (contact_id, cart_id, began_at, left_at, ordered_at, "
    "recovered, category, band) SELECT 'c-' || g % (:n / 20), 'k-' || g, "
    ":first + 10 * g * :step, "
    "CASE WHEN g % 10 < 7 THEN NOW() END, NULL, g % 10 = 0, 'category-' || g % 12, "
    "(g % 5) * 25000 FROM generate_series(0, :n / 10 - 1) g",
    # A third of the flows has an experiment; each contact is in three of eleven segments.
    "experiments": "INSERT INTO experiments (name, round, plan, state, began_at) "
    "SELECT 'flow-' || g || '/way', 1, CAST(:plan AS json), 'running', :first "
    "FROM generate_series(0, 4) g",
    "enrollment_variants": "INSERT INTO enrollment_variants (enrollment_id, experiment, variant, "
    "at) SELECT 'e-' || g, 'flow-' || g % 15 || '/way', "
    "CASE WHEN (g / 15) % 2 = 0 THEN 'plain' ELSE 'loud' END, :first + 3 * g * :step "
    "FROM generate_series(0, :n / 3) g WHERE g % 15 < 5",
    "segment_stays": "INSERT INTO segment_stays (contact_id, segment, since, until) "
    "SELECT 'c-' || g, 'segment-' || (g + s + 5 * nth) % 11, "
    ":first + nth * interval '1 day' * (g % 300), "
    "CASE WHEN nth = 0 THEN :first + interval '1 day' * (g % 300) END "
    "FROM generate_series(0, :n / 20) g, generate_series(0, 2) s, generate_series(0, 1) nth",
    "contact_results": "INSERT INTO contact_results (contact_id, joined_at, lost_at) "
    "SELECT 'c-' || g, :first + 20 * g * :step, "
    "CASE WHEN g % 4 = 0 THEN :first + 20 * g * :step "
    "+ (g % 500) * interval '1 day' END FROM generate_series(0, :n / 20 - 1) g",
}


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--million", "one million messages"))
    print(machine())
    messages = 100_000 if given.short else 1_000_000 if given.million else 10_000_000
    days = 60 if given.short else 730
    first = NOW - timedelta(days=days)
    with scratch() as folder, postgres(folder) as url:
        database = Database(url)
        _fill(database, messages, days)
        refresher = Refresher(database=database, clock=FrozenClock(NOW), rules=RULES)
        took = _timed(refresher.refresh)
        print(f"\nMetrics of {messages:,} messages in {days} days, PostgreSQL")
        print(f"  counting all {_rows(database, 'metric_days')} days: {took:,.1f} s")
        print(f"  rows to read from: {_rows(database, 'metric_counts'):,}")
        _show_pages(database, RULES.day_of(first))
        _show_requests(database)
        _show_refreshes(database, refresher, messages)
        database.close()


def _fill(database: Database, messages: int, days: int) -> None:
    metadata.create_all(database.engine)
    first = NOW - timedelta(days=days)
    given = {"n": messages, "first": first, "step": timedelta(days=days - 5) / messages}
    plan = Plan(
        name="way", flow=None, version=1, weights=(("plain", 1.0), ("loud", 1.0)),
        within=timedelta(days=5), measure=Measure.ORDERS, contacts=100_000, looks=10,
    )  # fmt: skip
    given["plan"] = json.dumps(to_json(plan))
    with _without_indexes(database), database.write() as session:
        # What is generated refers to what is there: looking that up would take most of the time.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table, statement in _FILL.items():
            say(f"{table}, for {messages:,} messages")
            session.execute(text(statement), given)
        dirty = [
            {"period": "day", "day": first.date() + timedelta(days=n), "is_dirty": True}
            for n in range(days + 1)
        ]
        session.execute(insert(MetricDay), dirty)
        for name in (FACTS, CLICKS):
            session.add(MetricMark(name=name, through_id=0, through_at=NOW))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        say("vacuum and analyze")
        connection.execute(text("VACUUM ANALYZE"))


@contextmanager
def _without_indexes(database: Database) -> Iterator[None]:
    """Fill tables without their indexes, and make these afterwards."""
    filled: list[Index] = [index for name in _FILL for index in metadata.tables[name].indexes]
    for index in filled:
        index.drop(database.engine)
    yield
    for index in filled:
        say(f"index {index.name}")
        index.create(database.engine)


def _show_pages(database: Database, first: date) -> None:
    today = RULES.day_of(NOW)
    month = pages.Period(since=today - timedelta(days=30), until=today)
    ever = pages.Period(since=first, until=today)
    reads: Mapping[str, Callable[[Session], object]] = {
        "overview, 30 days": lambda s: pages.overview(s, month, RULES, today=today),
        "overview, all days": lambda s: pages.overview(s, ever, RULES, today=today),
        "the board, 5 quarters": lambda s: quarters(s, Quarter.of(today), 5, RULES, today=today),
        "a flow, 30 days": lambda s: pages.flow(s, "flow-3", month, RULES, today=today),
        "a flow, all days": lambda s: pages.flow(s, "flow-3", ever, RULES, today=today),
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
    for took in requests(database, now=NOW, flows=FLOWS):
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


def _show_refreshes(database: Database, refresher: Refresher, messages: int) -> None:
    quiet = _timed(refresher.refresh)
    with database.write() as session:
        every = messages // LATE
        session.execute(
            text("INSERT INTO feedback (id, type, message_id, is_ours, at, read_at, raw, kind) "
                 "SELECT 'f-' || g, 'Complaint', 'm-' || g * :every, true, :now, :now, '{}', "
                 "'complained' FROM generate_series(0, :late - 1) g"),
            {"every": every, "now": NOW, "late": LATE},
        )  # fmt: skip
    late = _timed(refresher.refresh)
    print(f"  a refresh without news: {quiet * 1000:,.0f} ms")
    print(f"  a refresh after {LATE:,} late reports of all days: {late:,.1f} s")


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
