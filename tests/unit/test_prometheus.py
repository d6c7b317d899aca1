"""What Prometheus is told: the documented names and no others, cheaply, and added up rightly."""

import json
import logging
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from sekvens.clock import FrozenClock, SystemClock
from sekvens.db.session import Database
from sekvens.enrollments.position import park
from sekvens.enrollments.tables import Delivery
from sekvens.errors import OutcomeUnknown, SesPaused
from sekvens.flows.outcomes import Outcome, Skipped, SkipReason
from sekvens.health import health_port
from sekvens.prometheus import asked
from sekvens.prometheus.asked import GAUGES, Installation
from sekvens.prometheus.counted import REGISTRY, CountingHandler
from sekvens.prometheus.outcomes import count_turn
from sekvens.quota.asking import QuotaDesk
from sekvens.ses.testing import TakenThen
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import turn
from sekvens.web.app import create_app
from tests.ports import free_port
from tests.unit.ingesting import NOON
from tests.unit.relaying import World, cart_flow
from tests.unit.sending import PostOffice
from tests.unit.serving import settings
from tests.unit.test_docs import ROOT, anchors, first_column, read

PAGE = "docs/reference/metrics-prometheus.md"
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
ALERTS = yaml.safe_load(read("deploy/prometheus/alerts.yaml"))["groups"][0]["rules"]
BOARD = json.loads(read("deploy/grafana/sekvens.json"))
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())
]


def told(installation: Installation) -> dict[tuple[str, ...], float]:
    samples = [sample for family in installation.collect() for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def families() -> list[Any]:
    return [each for each in REGISTRY.collect() if each.name.startswith("sekvens_")]


def exposed() -> set[str]:
    """Every name of a series that may be told."""
    return {each.name + end for each in families() for end in SUFFIXES[each.type]} | set(GAUGES)


def test_every_metric_stands_in_its_table_and_no_other() -> None:
    told_of = {each.name + ("_total" if each.type == "counter" else "") for each in families()}

    assert first_column(PAGE, "## Counted by each process") == told_of
    assert first_column(PAGE, "## Asked of the database") == set(GAUGES)


def test_the_tables_name_every_label() -> None:
    rows = [line for line in read(PAGE).splitlines() if line.startswith("| `sekvens_")]
    labels = {name: of for name, (_, of) in GAUGES.items()}
    counters = {each: getattr(each, "_labelnames", ()) for each in REGISTRY._collector_to_names}
    labels |= {each.describe()[0].name: of for each, of in counters.items() if of}

    for row in rows:
        names = re.findall(r"`(\w+?)(?:_total)?`", row.split("|")[1])
        said = {word for cell in row.split("|")[2:4] for word in re.findall(r"`(\w+)`", cell)}
        assert all(set(labels[name]) <= said for name in names), row


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_alerts_and_the_dashboard_name_metrics_that_exist(expression: str) -> None:
    named = set(re.findall(r"\bsekvens_\w+", expression))

    assert named or expression.startswith("up{")
    assert named <= exposed()


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_every_process_tells_alike_is_never_added_up(expression: str) -> None:
    for name in set(re.findall(r"\bsekvens_\w+", expression)) & set(GAUGES):
        before = r"max(?: by \([\w, ]+\))? ?\("
        taken = len(re.findall(rf"{before}{name}\b", expression))
        assert taken == len(re.findall(rf"\b{name}\b", expression)), name


def test_every_alert_leads_to_a_heading_of_the_runbook() -> None:
    for rule in ALERTS:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor in anchors(ROOT / page), rule["alert"]


def test_every_alarm_of_the_log_is_an_alert() -> None:
    lines = read("docs/how-to/run-in-production.md").splitlines()
    alarms = {
        word
        for line in lines
        if line.startswith("| `") and "**Alarm" in line
        for word in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    [rule] = [rule for rule in ALERTS if rule["alert"] == "SekvensAlarm"]

    assert alarms
    assert set(re.findall(r'action=~"([^"]+)"', rule["expr"])[0].split("|")) == alarms


def test_how_the_installation_stands_is_asked_of_the_database(database: Database) -> None:
    office = PostOffice(database)
    office.ses.faults.append(TakenThen(OutcomeUnknown()))
    office.send()
    office.enroll("e-parked", office.contact_id)
    with database.write() as session:
        now = office.clock.now()
        park(session, "e-parked", "mend it", step_id="hello", code="template", now=now)
        turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note=None, now=now)
    QuotaDesk(database=database, account=office.ses, clock=office.clock, share=0.05).ask()
    office.later(timedelta(minutes=10))

    says = told(Installation(database, office.clock))

    assert says["sekvens_database_up",] == 1
    assert says["sekvens_enrollments_parked", "letters", "template"] == 1
    assert says["sekvens_messages_waiting", "marketing", "in_doubt"] == 1
    assert says["sekvens_messages_waiting_oldest_seconds", "marketing", "in_doubt"] == 600
    assert says["sekvens_held", "*breaker", "paused"] == 1
    assert says["sekvens_ses_rate_max",] == 1000
    assert says["sekvens_ses_told_age_seconds",] == 600
    assert says["sekvens_rate_messages", "marketing", "bounce"] == 0


def test_the_backlog_is_as_old_as_the_commit_of_its_oldest_fact(
    database: Database, clock: FrozenClock
) -> None:
    world = World(database, clock, cart_flow())
    world.contact("c-maja")
    world.happens("c-maja", "Product Added", cart_id="k1")
    clock.move(timedelta(seconds=40))
    before = told(Installation(database, clock))
    world.expand_all()
    clock.move(timedelta(seconds=20))
    after = told(Installation(database, clock))

    assert before["sekvens_outbox_events",] == 1
    assert before["sekvens_outbox_oldest_seconds",] == 40
    assert (after["sekvens_outbox_events",], after["sekvens_enrollments_owed",]) == (0, 1)
    assert after["sekvens_deliveries_oldest_seconds",] == 60


async def test_the_lag_of_a_start_and_of_an_exit_is_counted_from_the_commit(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    world = World(sqlite_database, clock, cart_flow())
    world.contact("c-maja")
    before = {what: counted("sekvens_relay_lag_seconds_sum", what=what) for what in LAGS}
    started = counted("sekvens_enrollments_started_total", flow="cart")
    for name in ("Product Added", "Order Completed"):
        world.happens("c-maja", name, cart_id="k1")
        clock.move(timedelta(seconds=7))
        world.expand_all()
        await world.relay().deliver_once()
    lags = {what: counted("sekvens_relay_lag_seconds_sum", what=what) for what in LAGS}

    assert {what: lags[what] - before[what] for what in LAGS} == LAGS
    assert counted("sekvens_enrollments_started_total", flow="cart") == started + 1
    assert counted("sekvens_relay_calls_total", call="signal", outcome="taken") >= 1


#: The clock of the test moves by seven seconds between the commit and the relay.
LAGS = {"start": 7.0, "exit": 7.0, "event": 0.0}


def test_it_is_asked_at_most_every_few_seconds_and_less_when_it_is_slow(
    sqlite_database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[str] = []
    event.listen(sqlite_database.engine, "before_cursor_execute", lambda *x: queries.append(x[2]))
    now = [100.0]
    monkeypatch.setattr(asked.time, "monotonic", lambda: now[0])
    installation = Installation(sqlite_database, clock)
    told(installation)
    first, queries[:] = len(queries), []
    now[0] += asked.EVERY_SECONDS - 0.1
    told(installation)
    soon = len(queries)
    now[0] += 0.2
    told(installation)

    assert (first > 5, soon, 0 < len(queries) < first) == (True, 0, True)


def test_a_slow_answer_is_kept_for_twenty_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(asked.time, "monotonic", lambda: now[0])
    kept = asked._Kept(asked.EVERY_SECONDS)
    with kept.timed():
        now[0] += 3

    now[0] += 59.9
    assert not kept.is_old()
    now[0] += 0.2
    assert kept.is_old()


def test_without_the_database_only_that_is_told(
    sqlite_database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(sqlite_database, clock)
    told(installation)
    monkeypatch.setattr(asked, "EVERY_SECONDS", 0)

    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(asked, "_quick", away)
    monkeypatch.setattr(installation._quick, "_until", -1)

    assert told(installation) == {("sekvens_database_up",): 0}


def test_a_database_that_hangs_holds_one_scrape_and_not_every_one(
    sqlite_database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "PATIENCE_SECONDS", 0.01)
    installation = Installation(sqlite_database, clock)
    with installation._lock:  # another scrape is at it
        assert told(installation) == {("sekvens_database_up",): 0}

    assert told(installation)["sekvens_database_up",] == 1


def test_what_is_counted_at_each_scrape_has_an_index(sqlite_database: Database) -> None:
    with sqlite_database.read() as session:
        plans = []
        statements: list[tuple[str, Any]] = []
        listen = lambda _c, _cur, sql, given, *_: statements.append((sql, given))  # noqa: E731
        event.listen(sqlite_database.engine, "before_cursor_execute", listen)
        [*asked._quick(session, NOON)]
        for sql, given in [each for each in statements if each[0].startswith("SELECT")]:
            rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)
            plans.append(" ".join(str(row[-1]) for row in rows))

    reads = [plan for plan in plans if re.search(r"\b(messages|enrollments)\b", plan)]
    indexes = {name for plan in reads for name in re.findall(r"INDEX (\w+)", plan)}
    assert len(reads) == 3
    assert indexes == {"ix_messages_open", "ix_enrollments_parked", "ix_enrollments_due_at"}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(None, "sent"), (SesPaused("x"), "deferred"), (TakenThen(OutcomeUnknown()), "in_doubt")],
)
def test_a_turn_is_counted_by_flow_purpose_and_outcome(
    sqlite_database: Database, fault: Any, outcome: str
) -> None:
    office = PostOffice(sqlite_database)
    labels = {"flow": "letters", "purpose": "marketing", "outcome": outcome}
    before = counted("sekvens_sends_total", **labels)
    if fault is not None:
        office.ses.faults.append(fault)
    count_turn(office.order(), office.send())

    assert counted("sekvens_sends_total", **labels) == before + 1


def test_a_skip_is_counted_by_its_reason(sqlite_database: Database) -> None:
    office = PostOffice(sqlite_database)
    skipped: Outcome = Skipped(reason=SkipReason.STALE)
    labels = {"flow": "letters", "purpose": "marketing", "reason": "stale"}
    before = counted("sekvens_messages_skipped_total", **labels)
    count_turn(office.order(), skipped)

    assert counted("sekvens_messages_skipped_total", **labels) == before + 1


def test_the_lines_of_the_log_are_counted_by_action() -> None:
    before = counted("sekvens_log_lines_total", action="ses_paused", level="warning")
    for extra in ({"action": "ses_paused"}, {}):
        record = logging.makeLogRecord({"levelname": "WARNING", "msg": "x", **extra})
        CountingHandler().handle(record)

    after = counted("sekvens_log_lines_total", action="ses_paused", level="warning")
    assert after == before + 1


def test_a_delivery_is_as_old_as_its_fact(database: Database, clock: FrozenClock) -> None:
    world = World(database, clock, cart_flow())
    world.contact("c-maja")
    world.happens("c-maja", "Product Added", cart_id="k1")
    committed = clock.now()
    clock.move(timedelta(hours=1))
    world.expand_all()

    with database.read() as session:
        assert session.scalars(select(Delivery.created_at)).all() == [committed]


async def test_the_api_tells_them_on_the_health_port_and_not_on_its_own(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("SEKVENS_HEALTH_PORT", str(port))
    app = create_app(settings(), sqlite_database, SystemClock(), beside=lambda: health_port("api"))
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient() as beside:
            told = await beside.get(f"http://127.0.0.1:{port}/metrics")
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            public = await client.get("/metrics")

    assert 'sekvens_process_ready{process="api"} 1.0' in told.text
    assert (public.status_code, "sekvens_" in public.text) == (404, False)
