"""`segments`: who is in which segment, why one contact is or is not, and the first few."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.commands.tables import make_console, make_table, minute
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sekvens.flows.segments import Segment

#: Contacts that a preview shows.
PREVIEW = 10


class UnknownSegment(SekvensError):
    """There is no segment of this name."""


@click.group()
def segments() -> None:
    """List segments, count who is in them, and explain for one contact why or why not.

    Example: starter.py segments list
    """


@segments.command("list")
def list_() -> None:
    """List the segments, with how many contacts are in each now.

    Example: starter.py segments list
    """
    from sekvens.flows.segments import SEGMENTS
    from sekvens.segments.members import count

    table = make_table("segment", "contacts", "who")
    with open_database() as database, database.read() as session:
        now = _shop_now()
        for segment in SEGMENTS:
            found = count(session, segment.condition, now=now)
            table.add_row(segment.name, f"{found:,}", f"whoever {segment.says}")
    make_console().print(table)


@segments.command("count")
@click.argument("segment")
def count_(segment: str) -> None:
    """Count the contacts who are in SEGMENT now.

    Example: starter.py segments count vip
    """
    from sekvens.segments.members import count

    found = _segment(segment)
    with open_database() as database, database.read() as session:
        number = count(session, found.condition, now=_shop_now())
    is_are = "contact is" if number == 1 else "contacts are"
    click.echo(f"{number:,} {is_are} in {found.name}: whoever {found.says}.")


@segments.command()
@click.argument("contact")
@click.argument("segment", required=False)
def explain(contact: str, segment: str | None) -> None:
    """Explain which segments CONTACT is in; with SEGMENT, what lets them in or keeps them out.

    CONTACT is our id, the shop's user id or the address. Times are shop time, in UTC.

    Example: starter.py segments explain elsa.lindqvist@example.com vip
    """
    from sekvens.flows.segments import SEGMENTS

    wanted = SEGMENTS if segment is None else (_segment(segment),)
    with open_database() as database, database.read() as session:
        found, now = find_contact(session, contact), _shop_now()
        click.echo(_summary(session, found.id))
        for each in wanted:
            _explain(session, each, found.id, now, is_whole=segment is not None)


@segments.command()
@click.argument("segment")
def preview(segment: str) -> None:
    """Show the first ten contacts in SEGMENT, by id.

    Example: starter.py segments preview lapsing
    """
    from itertools import islice

    from sekvens.segments.members import members

    found = _segment(segment)
    with open_database() as database, database.read() as session:
        some = list(islice(members(session, found.condition, now=_shop_now()), PREVIEW))
        click.echo(f"In {found.name}: whoever {found.says}.")
        for contact_id in some:
            click.echo(f"  {_summary(session, contact_id)}")
    if not some:
        click.echo("  nobody")


@segments.command()
@click.option("--after", help="Contact id behind which to go on, as an earlier run said.")
def rebuild(after: str | None) -> None:
    """Add up anew what segments go by: of every contact, all orders and signs of life.

    It is kept up to date by itself; this is for products that have another category now, and for
    rows that were changed by hand. It may be stopped at any time, and done again.

    Example: starter.py segments rebuild
    """
    from sekvens.segments.rebuilding import rebuild_all

    def say(done: int, last: str) -> None:
        click.echo(f"{done:,} contacts, up to {last}", err=True)

    with open_database() as database:
        done = rebuild_all(database, after=after, beat=say)
    click.echo(f"{done:,} contacts are added up anew.")


def _segment(name: str) -> "Segment":
    from sekvens.flows.segments import SEGMENTS

    for segment in SEGMENTS:
        if segment.name == name:
            return segment
    known = ", ".join(segment.name for segment in SEGMENTS)
    raise UnknownSegment(f"there is no segment {name!r}; there are {known}")


def _shop_now() -> "datetime":
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    return load_settings().shop_time().at(SystemClock().now())


def _summary(session: "Session", contact_id: str) -> str:
    """Say what segments go by: `c-…: 3 orders for 1,250 in all, the last on …`."""
    from sekvens.flows.wording_dealings import money
    from sekvens.segments.tables import ContactSummary

    row = session.get(ContactSummary, contact_id)
    if row is None:
        return f"{contact_id}: no orders, and no sign of life"
    bought = "no orders"
    if row.orders:
        orders = f"{row.orders} order{'' if row.orders == 1 else 's'}"
        bought = f"{orders} for {money(row.spent)} in all, the last on {minute(row.last_order_at)}"
    return f"{contact_id}: {bought}; last sign of life {minute(row.last_active_at)}"


def _explain(
    session: "Session", segment: "Segment", contact_id: str, now: "datetime", *, is_whole: bool
) -> None:
    from sekvens.segments.members import reasons

    told = reasons(session, segment.condition, contact_id=contact_id, now=now)
    is_in = "in" if told[0].is_so else "not in"
    click.echo(f"{is_in:>6} {segment.name}: whoever {segment.says}")
    for reason in told if is_whole else ():
        mark = "yes" if reason.is_so else "no"
        click.echo(f"         {mark:<3} {'  ' * reason.depth}{reason.sentence}")
