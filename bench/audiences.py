"""Contacts scanned per second for winback's audience, against one bare statement for all of them.

Each contact has ten events; one in a hundred has lapsed and enters. The bare statement groups the
orders and says who has lapsed, and no more. On SQLite, then on PostgreSQL.
`python -m bench.audiences [--short]`
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select, text

from bench.harness import Figure, arguments, machine, postgres, say, scratch, show
from sekvens.audiences.retention import Retention
from sekvens.audiences.scan import Scanner
from sekvens.audiences.wire import Counts, ScanBatchResult
from sekvens.clock import SystemClock
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.publish import publish
from sekvens.events.tables import ContactEvent
from sekvens.flows.catalogue.birthday import BIRTHDAY
from sekvens.flows.catalogue.sunset import SUNSET
from sekvens.flows.catalogue.winback import WINBACK
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import templates

CLOCK = SystemClock()
ROWS_AT_ONCE = 20_000
EVENTS_EACH = 10
#: One in so many has lapsed.
LAPSED = 100


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "")
    print(machine())
    contacts = 2_000 if given.short else 100_000
    with scratch() as folder:
        _measure(f"sqlite:///{folder / 'scan.db'}", "SQLite", contacts)
        with postgres(folder) as url:
            _measure(url, "PostgreSQL", contacts)


def _measure(url: str, name: str, contacts: int) -> None:
    say(f"{name}: writing {contacts:,} contacts with {EVENTS_EACH} events each")
    database = Database(url)
    metadata.create_all(database.engine)
    _fill(database, contacts)
    say(f"{name}: scanning")
    bare = _timed(lambda: _bare(database))
    first, entered = _scan(database, WINBACK.name)
    again, under_way = _scan(database, WINBACK.name)
    sunset, _ = _scan(database, SUNSET.name)
    birthday, born = _scan(database, BIRTHDAY.name)
    retention = _timed(lambda: _retain(database))
    figures = [
        ("bare statement: who has lapsed", bare, ""),
        ("winback, first scan", first, f"{entered.enrolled:,} enter"),
        ("winback, second scan", again, f"{under_way.refused['under_way']:,} are under way"),
        ("sunset", sunset, "mail counted, a dozen signs of life"),
        ("birthday", birthday, f"{born.enrolled:,} enter"),
        ("retention", retention, "nobody is due"),
    ]
    show(
        f"Contacts scanned ({contacts:,}, {name})",
        [
            Figure(name=what, per_second=contacts / took, note=f"{took:.1f} s; {note}".strip("; "))
            for what, took, note in figures
        ],
        unit="contacts",
    )
    database.close()


def _scan(database: Database, flow: str) -> tuple[float, Counts]:
    scanner = Scanner(database=database, clock=CLOCK, shop_time=ShopTime())
    so_far = ScanBatchResult(cursor=None)

    def scan() -> None:
        nonlocal so_far
        so_far = scanner.batch(flow, so_far, lambda _so_far: None)
        while so_far.cursor is not None:
            so_far = scanner.batch(flow, so_far, lambda _so_far: None)

    took = _timed(scan)
    return took, so_far.counts


def _retain(database: Database) -> None:
    retention = Retention(
        database=database, clock=CLOCK, shop_time=ShopTime(), inactive_after=timedelta(days=365)
    )
    cursor = retention.batch(None, lambda: None).cursor
    while cursor is not None:
        cursor = retention.batch(cursor, lambda: None).cursor


def _bare(database: Database) -> int:
    since = CLOCK.now() - timedelta(days=60)
    query = (
        select(ContactEvent.contact_id)
        .where(ContactEvent.name == "Order Completed")
        .group_by(ContactEvent.contact_id)
        .having(func.max(ContactEvent.occurred_at) < since)
    )
    with database.read() as session:
        return len(session.scalars(query).all())


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fill(database: Database, contacts: int) -> None:
    now = CLOCK.now()
    ids = [f"c-{number:07}" for number in range(contacts)]
    with database.write() as session:
        for flow in (WINBACK, SUNSET, BIRTHDAY):
            publish(session, flow, now=now, store_templates=templates.store)
    chance = random.Random(1987)  # noqa: S311  no secret
    _insert(database, Contact, (_contact(ident, now, chance) for ident in ids))
    agreed = {"purpose": "marketing", "status": ConsentStatus.SUBSCRIBED, "changed_at": now}
    _insert(database, Consent, ({"contact_id": ident, **agreed} for ident in ids))
    _insert(database, ContactEvent, _events(ids, now, chance))
    with database.write() as session:
        session.execute(text("ANALYZE"))


def _contact(ident: str, now: datetime, chance: random.Random) -> dict[str, Any]:
    traits = {"birthday": f"19{chance.randrange(40, 99)}-{chance.randrange(1, 13):02}-"
              f"{chance.randrange(1, 29):02}", "city": "Delsbo"}  # fmt: skip
    return {"id": ident, "email": f"{ident}@example.com", "traits": traits, "traits_at": {},
            "created_at": now, "updated_at": now}  # fmt: skip


def _events(ids: list[str], now: datetime, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Half are customers; every hundredth has not ordered for a hundred days."""
    for number, ident in enumerate(ids):
        has_lapsed = number % LAPSED == 0
        oldest = 300 if has_lapsed else 50
        for each in range(EVENTS_EACH):
            ordered = each == 0 and (has_lapsed or number % 2)
            name = "Order Completed" if ordered else "Product Viewed"
            ago = timedelta(days=100 if has_lapsed else chance.randrange(oldest), minutes=each)
            yield {"message_id": f"{ident}-{each}", "type": "track", "name": name,
                   "contact_id": ident, "properties": {"product_id": "p"},
                   "occurred_at": now - ago, "received_at": now}  # fmt: skip


def _insert(database: Database, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while some := _some(rows):
        with database.write() as session:
            session.connection().execute(insert(table), some)


def _some(rows: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(islice(rows, ROWS_AT_ONCE))


if __name__ == "__main__":
    main()
