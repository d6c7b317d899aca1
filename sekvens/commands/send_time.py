"""`send-time`: at which hours contacts are there, how much is known, and what choosing is worth."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.commands.tables import make_console, make_table

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from sekvens.send_time.figures import Known
    from sekvens.settings import Settings

#: Characters of the longest bar.
BAR = 40


@click.command("send-time")
@click.option("--contact", help="An e-mail address, a user id or a contact id.")
def send_time(contact: str | None) -> None:
    """Show the shop's hours and what choosing them is worth, or one contact's hours.

    Example: starter.py send-time
    """
    from sekvens.clock import SystemClock
    from sekvens.send_time.figures import read_known
    from sekvens.settings import load_settings

    settings = load_settings()
    now = settings.shop_time().at(SystemClock().now())
    with open_database() as database, database.read() as session:
        known = read_known(session)
        if contact is not None:
            _of_contact(session, settings, contact, known, now)
        else:
            _of_shop(session, settings, known, now)


def _of_shop(
    session: "Session", settings: "Settings", known: "Known | None", now: "datetime"
) -> None:
    from sekvens.send_time.best import Cohort
    from sekvens.send_time.lift import lift_of, tallies

    if known is None:
        click.echo("Nothing is known yet: the schedule `segments` works it out once a day.")
        return
    _show_hours(known.hours)
    click.echo(_how_much(settings, known))
    counted = tallies(session, now=now)
    table = make_table("cohort", "messages", "clicked by people", "orders")
    for cohort, tally in counted.items():
        table.add_row(cohort, f"{tally.sends:,}", f"{tally.clicks:,}", f"{tally.orders:,}")
    make_console().print(table)
    lift = lift_of(counted[Cohort.BEST], counted[Cohort.FIXED])
    if lift is None:
        click.echo("What the best hour is worth over the fixed one is not yet known.")
        return
    click.echo(
        f"The best hour is clicked {lift.value:+.0%} against the fixed one "
        f"(95 % interval {lift.low:+.0%} to {lift.high:+.0%})."
    )


def _of_contact(
    session: "Session", settings: "Settings", contact: str, known: "Known | None", now: "datetime"
) -> None:
    from sekvens.contacts.zone import zone_of
    from sekvens.send_time.activity import count_hours
    from sekvens.send_time.best import Shares, cohort_of, contact_hours

    contact_id = find_contact(session, contact).id
    zone, given = zone_of(session, contact_id, settings.shop), settings.send_time
    own = count_hours(session, now=now, zone=settings.shop.timezone, contact_id=contact_id)
    cohort = cohort_of(contact_id, Shares(random=given.random_share, fixed=given.fixed_share))
    click.echo(
        f"{contact_id}: {zone}, cohort {cohort}, "
        f"{sum(own.activity):,} visits and orders in 90 days that no mail of ours led to."
    )
    if known is None:
        click.echo("Of the shop nothing is known yet: it is the fixed hour.")
        return
    _show_hours(contact_hours(own.activity, known.hours))
    click.echo(_how_much(settings, known))


def _how_much(settings: "Settings", known: "Known") -> str:
    from sekvens.send_time.section import is_enough

    given = settings.send_time
    text = (
        f"Known of the shop: {known.clicks:,} clicks by people of {given.clicks_min:,} wanted, "
        f"{known.activity:,} visits and orders of {given.activity_min:,} wanted: "
    )
    chosen = is_enough(given, clicks=known.clicks, activity=known.activity)
    return text + ("hours are chosen." if chosen else "it is the fixed hour for everybody.")


def _show_hours(hours: tuple[float, ...]) -> None:
    table, most = make_table("hour", "share", ""), max(hours)
    for hour, share in enumerate(hours):
        table.add_row(f"{hour:02}", f"{share:.1%}", "█" * round(BAR * share / most))
    make_console().print(table)
