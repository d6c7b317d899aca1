"""What the relay starts and signals per second, against writing the same rows down bare.

Temporal is the shipped fake, in memory, so this is the cost of the outbox alone: from committed
events on SQLite to starts, and then to signals. The bare side reads the same outbox and writes the
same rows in batches of the same size by plain SQL, deciding nothing. One thread. Then the relay as
it runs: how long one purchase takes that was committed behind all those triggers.
`python -m bench.relay [--short] [--profile]`
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from bench.harness import Figure, arguments, machine, say, scratch, show
from sekvens.clock import SystemClock
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.publish import publish
from sekvens.enrollments.testing import FakeTemporal
from sekvens.events import expansion
from sekvens.events.relay import Relay
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Purpose
from sekvens.messages import templates

CLOCK = SystemClock()
TRIGGER, EXIT = "Product Added", "Order Completed"
#: An enrollment that was just started is signalled no sooner.
PACE_SECONDS = 0.2


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--profile", "show where the time goes"))
    print(machine())
    contacts = 200 if given.short else 3000
    with scratch() as folder, asyncio.Runner() as runner:
        say(f"{contacts} contacts put something into their carts, then order")
        database = _world(folder / "relay.db", contacts)
        relay = Relay(database, FakeTemporal(), clock=CLOCK, shop_time=ShopTime())
        work = _profiled if given.profile else _timed
        starts = contacts / work(lambda: _relay_all(relay, runner))
        _happen(database, EXIT, range(contacts))
        time.sleep(PACE_SECONDS)
        signals = contacts / work(lambda: _relay_all(relay, runner))
        database.close()
        _world(folder / "bare.db", contacts).close()
        bare = contacts / _timed(lambda: _bare(folder / "bare.db"))
        say(f"{contacts} contacts do so again, and one who did before orders")
        purchase, backlog = runner.run(_purchase_behind(folder / "behind.db", contacts))
    show(
        "Relayed, by one process",
        [
            Figure(name="bare rows: outbox to enrollment, struck off", per_second=bare),
            Figure(
                name="starts",
                per_second=starts,
                note="conditions asked, rows written, leased, handed over, struck off",
            ),
            Figure(name="signals", per_second=signals, note="exit events: matched, then the same"),
        ],
        unit="contacts",
    )
    print(f"\nA purchase behind {contacts:,} triggers: signalled after {purchase * 1000:,.0f} ms; "
          f"the last of them is started after {backlog:,.1f} s")  # fmt: skip


async def _purchase_behind(path: Path, contacts: int) -> tuple[float, float]:
    """Tell how long a purchase takes behind a backlog, and how long the backlog takes (s)."""
    database = _world(path, contacts, begun=1)
    temporal = FakeTemporal()
    relay = Relay(database, temporal, clock=CLOCK, shop_time=ShopTime())
    while relay.expand_once():
        pass
    await relay.deliver_once()
    _happen(database, TRIGGER, range(1, contacts))
    _happen(database, EXIT, range(1))
    stop = asyncio.Event()
    began = time.perf_counter()
    running = asyncio.create_task(relay.run(stop))
    await _until(lambda: bool(temporal.signals))
    signalled = time.perf_counter() - began
    await _until(lambda: len(temporal.all_executions) == contacts)
    started = time.perf_counter() - began
    stop.set()
    await running
    database.close()
    return signalled, started


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  the fake has nothing to wait on
        await asyncio.sleep(0.002)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _profiled(work: Callable[[], object]) -> float:
    import cProfile
    import pstats

    profile = cProfile.Profile()
    took = _timed(lambda: profile.runcall(work))
    pstats.Stats(profile).sort_stats("cumtime").print_stats("sekvens", 30)
    pstats.Stats(profile).sort_stats("tottime").print_stats(15)
    return took


def _relay_all(relay: Relay, runner: asyncio.Runner) -> None:
    """Empty the outbox, then deliver what is owed."""

    async def deliver() -> None:
        while await relay.deliver_once():
            pass

    while relay.expand_once():
        pass
    runner.run(deliver())


def _world(path: Path, contacts: int, *, begun: int | None = None) -> Database:
    """Make a shop whose contacts, or the first of them, have just put something into a cart."""
    database = Database(f"sqlite:///{path}")
    metadata.create_all(database.engine)
    now = CLOCK.now()
    ids = [f"c-{number}" for number in range(contacts)]
    with database.write() as session:
        for flow in CATALOGUE:
            publish(session, flow, now=now, store_templates=templates.store)
        session.add_all(Contact(id=ident, created_at=now, updated_at=now) for ident in ids)
        session.flush()
        session.add_all(
            Consent(contact_id=ident, purpose=Purpose.MARKETING, status=ConsentStatus.SUBSCRIBED,
                    changed_at=now - timedelta(days=30))
            for ident in ids
        )  # fmt: skip
    _happen(database, TRIGGER, range(contacts if begun is None else begun))
    return database


def _happen(database: Database, name: str, numbers: range) -> None:
    """Commit an event of each contact with its outbox entry, as ingress does."""
    now = CLOCK.now()
    with database.write() as session:
        rows = [
            {"message_id": f"{name}-{number}", "type": "track", "name": name,
             "contact_id": f"c-{number}", "properties": {"cart_id": f"cart-{number}"},
             "occurred_at": now, "received_at": now}
            for number in numbers
        ]  # fmt: skip
        returned = insert(ContactEvent).returning(ContactEvent.id, ContactEvent.contact_id)
        stored = session.execute(returned, rows)
        entries = [
            {"event_id": ident, "contact_id": whose, "committed_at": now} for ident, whose in stored
        ]
        session.execute(insert(OutboxEntry), entries)


def _bare(path: Path) -> None:
    """Turn the outbox into enrollments and deliveries, a transaction a batch; then strike off."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    while _bare_batch(connection):
        pass
    connection.close()


def _bare_batch(connection: sqlite3.Connection) -> int:
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute(
        "SELECT outbox.event_id, outbox.contact_id, events.message_id, events.received_at "
        "FROM outbox JOIN events ON events.id = outbox.event_id ORDER BY 1 LIMIT ?",
        (expansion.BATCH,),
    ).fetchall()
    connection.executemany(
        "INSERT INTO enrollments (id, flow, flow_version, contact_id, workflow_id, state, "
        "trigger_event_id, started_at, last_seq, delivered_seq) "
        "VALUES (?, 'bare', 1, ?, ?, 'active', ?, ?, 0, -1)",
        [(f"e-{event}", whose, f"w-{event}", event, at) for event, whose, _, at in rows],
    )
    connection.executemany(
        "INSERT INTO deliveries (enrollment_id, seq, event_id, message_id, matched, urgent, "
        "created_at) VALUES (?, 0, ?, ?, '[]', 0, ?)",
        [(f"e-{event}", event, message, at) for event, _, message, at in rows],
    )
    connection.executemany("DELETE FROM outbox WHERE event_id = ?", [(row[0],) for row in rows])
    connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    ids = [(row[3], f"e-{row[0]}") for row in rows]
    connection.executemany("UPDATE deliveries SET delivered_at = ? WHERE enrollment_id = ?", ids)
    connection.executemany(
        "UPDATE enrollments SET delivered_seq = 0 WHERE id = ?", [(ident,) for _, ident in ids]
    )
    connection.execute("COMMIT")
    return len(rows)


if __name__ == "__main__":
    main()
