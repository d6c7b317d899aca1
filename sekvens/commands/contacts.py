"""`show`: all that is known about one contact, as tables."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from sqlalchemy.orm import Session

EVENTS_SHOWN = 15


@click.command()
@click.argument("contact")
def show(contact: str) -> None:
    """Show CONTACT's enrollments, messages with the reasons for those not sent, and last events.

    CONTACT is our id, the shop's user id or the address. Times are shop time, in UTC.

    Example: starter.py show elsa.lindqvist@example.com
    """
    from rich.console import Console

    console = Console()
    with open_database() as database, database.read() as session:
        found = find_contact(session, contact)
        _who(console, session, found.id)
        _enrollments(console, session, found.id)
        _messages(console, session, found.id)
        _events(console, session, found.id)


def _who(console: "Console", session: "Session", contact_id: str) -> None:
    from sqlalchemy import select

    from sekvens.contacts.tables import Consent, Contact, Suppression, address_hash

    found = session.get_one(Contact, contact_id)
    consents = session.scalars(select(Consent).where(Consent.contact_id == contact_id)).all()
    agreed = ", ".join(f"{consent.purpose}: {consent.status}" for consent in consents)
    suppressed = found.email and session.get(Suppression, address_hash(found.email))
    name = " ".join(filter(None, (found.first_name, found.last_name)))
    console.print(f"{found.id}  {name}  {found.email or 'no address'}", highlight=False)
    console.print(f"consent: {agreed or 'never asked'}", highlight=False)
    if suppressed:
        console.print(f"suppressed: {suppressed.reason}", style="red")


def _enrollments(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.table import Table
    from sqlalchemy import select

    from sekvens.enrollments.tables import Enrollment

    table = Table("flow", "state", "step", "why it ended", "began", "ended", title="Enrollments")
    rows = session.scalars(
        select(Enrollment)
        .where(Enrollment.contact_id == contact_id)
        .order_by(Enrollment.started_at)
    )
    for row in rows:
        table.add_row(
            f"{row.flow} v{row.flow_version}",
            f"{row.state}: {row.parked_reason}" if row.parked_reason else row.state,
            row.step_id or "-",
            row.exit_reason or "-",
            _minute(row.started_at),
            _minute(row.ended_at),
        )
    console.print(table)


def _messages(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.table import Table
    from sqlalchemy import select

    from sekvens.messages.tables import Message

    table = Table("message", "e-mail", "state", "why it was skipped", "sent", title="Messages")
    rows = session.scalars(
        select(Message).where(Message.contact_id == contact_id).order_by(Message.claimed_at)
    )
    for row in rows:
        table.add_row(row.id, row.template, row.state, row.skip_reason or "-", _minute(row.sent_on))
    console.print(table)


def _events(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.table import Table
    from sqlalchemy import select

    from sekvens.events.tables import ContactEvent

    table = Table("event", "happened", title=f"Events, the last {EVENTS_SHOWN}")
    rows = session.scalars(
        select(ContactEvent)
        .where(ContactEvent.contact_id == contact_id)
        .order_by(ContactEvent.occurred_at.desc(), ContactEvent.id.desc())
        .limit(EVENTS_SHOWN)
    ).all()
    for row in reversed(rows):
        table.add_row(row.name, _minute(row.occurred_at))
    console.print(table)


def _minute(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"
