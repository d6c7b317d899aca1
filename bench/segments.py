"""Seconds to count each shipped segment, and milliseconds to tell of one contact, on PostgreSQL.

A third of the contacts are customers, most have looked at products, clicked, and had e-mails over
two years. The baseline is one bare statement over the same rows: contacts joined to their
summaries, and counted. The last line says which segments miss their goal; `--short` ends with 1
then, for it is far from it on the busiest machine.
`python -m bench.segments [--short] [--contacts 1000000]`
"""

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text

from bench.harness import cpu_seconds, machine, postgres, say, scratch
from sekvens.audiences.figures import keep_top_shares
from sekvens.clock import SystemClock
from sekvens.contacts.tables import Contact
from sekvens.db.migrate import MIGRATIONS
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.flows.conditions import Condition
from sekvens.flows.segments import SEGMENTS
from sekvens.flows.shop_time import ShopTime
from sekvens.segments import sql
from sekvens.segments.dealings_sql import with_summary
from sekvens.segments.members import count

CLOCK = SystemClock()
SHORT, WHOLE = 50_000, 1_000_000
#: Contacts of whom membership is asked, one at a time.
ASKED: Final = 200
#: The goals: seconds in which a segment is counted, milliseconds of processor time (of both sides,
#: for the clock is at the mercy of what else runs) in which it is told of one contact.
COUNTED_SECONDS_MAX: Final = 2.0
TOLD_MILLISECONDS_MAX: Final = 5.0

#: What is written, statement by statement; `:n` contacts.
ROWS: Final = (
    """INSERT INTO contacts (id, email, traits, traits_at, created_at, updated_at)
       SELECT 'c-' || lpad(i::text, 8, '0'), 'c' || i || '@example.com', '{"city": "Delsbo"}', '{}',
              now(), now() FROM generate_series(1, :n) i""",
    """INSERT INTO products (id, titles, descriptions, benefits, cares, category, in_stock, locale,
                             first_seen_on)
       SELECT 'p' || i, '{}', '{}', '{}', '{}', 'category-' || i % 12, true, 'sv', now()
       FROM generate_series(1, 300) i""",
    # A third are customers: most have ordered once or twice, a few very often.
    """INSERT INTO orders (contact_id, order_id, total, amount, currency, products, details, state,
                           ordered_at, updated_at)
       SELECT id, id || '-' || k, (5 + random() * 2000)::numeric(8, 2)::text, 0, 'SEK', '[]', '{}',
              CASE WHEN random() < 0.04 THEN 'refunded' ELSE 'completed' END, at, at
       FROM (SELECT id, k, now() - random() * interval '730 days' AS at
             FROM (SELECT id, 1 + floor(power(random(), 4) * 9)::int AS orders FROM contacts
                   WHERE random() < 0.33) c, generate_series(1, 9) k WHERE k <= orders) placed""",
    """INSERT INTO order_lines (contact_id, order_id, product_id, quantity, ordered_at, state)
       SELECT contact_id, order_id, 'p' || (1 + floor(random() * 300)), 1, ordered_at, state
       FROM orders""",
    """INSERT INTO events (message_id, type, name, contact_id, properties, occurred_at, received_at)
       SELECT order_id, 'track', 'Order Completed', contact_id, '{}', ordered_at, now()
       FROM orders""",
    """INSERT INTO events (message_id, type, name, contact_id, properties, occurred_at, received_at)
       SELECT c.id || '#' || k, 'track',
              CASE WHEN random() < 0.3 THEN 'Email Link Clicked' ELSE 'Product Viewed' END, c.id,
              '{"product_id": "p1"}', now() - power(random(), 2) * interval '730 days', now()
       FROM contacts c, generate_series(1, 3) k WHERE random() < 0.7""",
    """INSERT INTO messages (id, enrollment_id, step_id, contact_id, flow, flow_version, template,
                             template_digest, purpose, state, attempts, resent_in_doubt, claimed_at,
                             sent_on)
       SELECT 'm-' || c.id || k, 'e-' || c.id, 's' || k, c.id, 'f', 1, 'f/s', 'd', 'marketing',
              'accepted', 1, false, now(), now() - power(random(), 2) * interval '365 days'
       FROM contacts c, generate_series(1, 2) k WHERE random() < 0.7""",
    """INSERT INTO message_fates (message_id, state, at)
       SELECT id, CASE WHEN random() < 0.02 THEN 'soft_bounced' ELSE 'delivered' END, sent_on
       FROM messages""",
)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SHORT:,} contacts")
    parser.add_argument("--contacts", type=int, default=WHOLE)
    given = parser.parse_args()
    contacts = SHORT if given.short else given.contacts
    print(machine())
    with scratch() as folder, postgres(folder) as url:
        database = Database(url)
        metadata.create_all(database.engine)
        _fill(database, contacts)
        missed = _measure(database, contacts)
        database.close()
    goals = f"{COUNTED_SECONDS_MAX:g} s for everybody, {TOLD_MILLISECONDS_MAX:g} ms for one contact"
    print(f"The goal of {goals} is missed by: {', '.join(missed) or 'none'}")


def _fill(database: Database, contacts: int) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET max_wal_size = '8GB'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    for number, statement in enumerate(ROWS, start=1):
        say(f"writing rows of {contacts:,} contacts, statement {number} of {len(ROWS)}")
        with database.write() as session:
            # No foreign key is looked up (and there are no enrollments): it takes most of the time.
            session.execute(text("SET LOCAL session_replication_role = replica"))
            session.execute(text(statement), {"n": contacts} if ":n" in statement else {})
    _vacuum(database)
    for number in ("0016", "0030"):
        migration = ScriptDirectory(str(MIGRATIONS)).get_revision(number).module
        took = _seconds(lambda each=migration: _add_up(database, each.statements("postgresql")))
        print(f"added up by migration {number} in {took:.1f} s")
    _vacuum(database)
    with database.write() as session:
        keep_top_shares(session, [0.05], now=CLOCK.now(), shop_time=ShopTime())


def _vacuum(database: Database) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Adding up rewrites each order; in a shop the index is made after that.
        connection.execute(text("REINDEX TABLE orders"))
        connection.execute(text("VACUUM ANALYZE"))


def _add_up(database: Database, statements: Sequence[str]) -> None:
    with database.write() as session:
        for statement in statements:
            session.execute(text(statement))


def _measure(database: Database, contacts: int) -> list[str]:
    """Print what each segment takes, and name those that miss a goal."""
    now = CLOCK.now()
    baseline = min(_seconds(lambda: _bare(database)) for _ in range(3))
    print(f"\nSegments counted ({contacts:,} contacts, PostgreSQL; load {os.getloadavg()[0]:.1f})")
    print(f"  {'bare: contacts and their summaries':<36} {baseline:>7.2f} s  baseline")
    chance = random.Random(1987)  # noqa: S311  no secret
    asked = [f"c-{chance.randrange(1, contacts + 1):08}" for _ in range(ASKED)]
    missed = []
    for segment in SEGMENTS:
        found = 0

        def counting(condition: Condition = segment.condition) -> None:
            nonlocal found
            with database.read() as session:
                found = count(session, condition, now=now)

        took = min(_seconds(counting) for _ in range(2))
        used, clock = _membership(database, segment.condition, asked, now)
        print(
            f"  {segment.name:<36} {took:>7.2f} s  {took / baseline:>5.2f} x"
            f"  {found:>9,} in it; of one contact {used:.2f} ms of processor time, {clock:.2f} ms"
        )
        if took >= COUNTED_SECONDS_MAX or used >= TOLD_MILLISECONDS_MAX:
            missed.append(segment.name)
    return missed


def _membership(
    database: Database, condition: Condition, asked: list[str], now: datetime
) -> tuple[float, float]:
    """Ask of one contact after the other.

    Returns:
        Milliseconds of each: processor time of both sides, and the median by the clock.
    """
    took = []
    with database.read() as session:
        server = {"server": session.execute(text("SELECT pg_backend_pid()")).scalar_one()}
        used = time.process_time() + cpu_seconds(server)["server"]
        for contact_id in asked:
            began = time.perf_counter()
            sql.holds(session, condition, contact_id=contact_id, now=now)
            took.append((time.perf_counter() - began) * 1000)
        used = time.process_time() + cpu_seconds(server)["server"] - used
    return used * 1000 / len(asked), statistics.median(took)


def _bare(database: Database) -> None:
    with database.read() as session:
        session.scalar(with_summary(select(func.count()).select_from(Contact)))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
