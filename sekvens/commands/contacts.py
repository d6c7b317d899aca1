"""`show`: one contact as tables; `contacts`: take in, ask, hand out, erase what is held of them."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sekvens.commands.importing_contacts import import_, suppress
from sekvens.commands.permissions import consent_, lift_, requests_
from sekvens.commands.resources import (
    find_contact,
    find_people,
    login_name,
    only_one,
    open_database,
)
from sekvens.commands.tables import make_console, make_table, minute, printable

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from rich.console import Console
    from sqlalchemy.orm import Session

    from sekvens.contacts.tables import Contact
    from sekvens.db.session import Database
    from sekvens.messages.why import OfFlow

_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command()
@click.argument("contact")
def show(contact: str) -> None:
    """Show CONTACT's enrollments, messages with the reasons for those not sent, and last events.

    CONTACT is our id, the shop's user id or the address. Times are shop time, in UTC.

    Example: starter.py show elsa.lindqvist@example.com
    """
    from sekvens.settings import load_settings

    console = make_console()
    with open_database() as database, database.read() as session:
        found = find_contact(session, contact)
        _who(console, session, found, load_settings().shop.timezone)
        _enrollments(console, session, found.id)
        _messages(console, session, found.id)
        _events(console, session, found.id)


@click.group()
def contacts() -> None:
    """Import contacts, ask what they have agreed to, hand out what is held of them, erase them.

    Example: starter.py contacts export c-djjezhg34dpd7uoe
    """


for _command in (import_, suppress, consent_, lift_, requests_):
    contacts.add_command(_command)


@contacts.command("export")
@click.argument("contact")
@click.option("--file", "file", type=_FILE, help="Write it here, readable by you alone.")
def export_(contact: str, file: Path | None) -> None:
    """Export everything that is held of CONTACT as JSON: to the terminal, or into a file.

    CONTACT is our id, the shop's own id or the address; of several who go by it, name one by our
    id. Another person in it (who recommended the shop) is told as "another contact".

    Example: starter.py contacts export elsa.lindqvist@example.com --file elsa.json
    """
    from sekvens.clock import SystemClock
    from sekvens.contacts.export import export
    from sekvens.contacts.person import person_of
    from sekvens.settings import load_settings

    zone = load_settings().shop.timezone
    with open_database() as database, database.read() as session:
        ids = find_people(session, contact)
        person = person_of(session, only_one(ids, remedy="name one of them by this id"))
        assert person is not None  # noqa: S101  it has just been found
        text = _json(export(session, person, now=SystemClock().now(), shop_zone=zone))
    if file is None:
        click.echo(text)
    else:
        _write_private(file, text)
        click.echo(f"{person.ids[0]} is exported to {file}.")


@contacts.command("erase")
@click.argument("contact")
@click.option("--all", "everybody", is_flag=True, help="Erase all contacts who go by it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--why", type=click.Choice(["request", "staff"]), default="request",
              help="They asked for it, or the staff decided so. Default: request.")  # fmt: skip
@click.option("--by", help="Who says so. Default: your login name.")
@click.option("--certificate", "file", type=_FILE, help="Write the certificate here, too.")
def erase_(
    contact: str, *, everybody: bool, yes: bool, why: str, by: str | None, file: Path | None
) -> None:
    """Erase CONTACT, and those merged into them: address, names, traits, what their events say.

    CONTACT is our id, the shop's own id or the address. Ids, times and sums stay, and so does the
    suppression of the address by its hash. Enrollments under way end, and nothing is sent to them
    any more. This cannot be undone. What is printed is the certificate: ids and counts alone. Who
    is erased already gets the first one again.

    Example: starter.py contacts erase c-djjezhg34dpd7uoe --yes --certificate erased.json
    """
    with open_database() as database:
        with database.read() as session:
            ids = find_people(session, contact)
        if not everybody:
            ids = [only_one(ids, remedy="name one of them by this id, or erase them --all")]
        if not yes:
            click.confirm(f"Erase {', '.join(ids)} for good?", abort=True, err=True)
        certificates = [_erase(database, each, why=why, by=by or login_name()) for each in ids]
    text = _json(certificates if everybody else certificates[0])
    click.echo(text)
    if file is not None:
        _write_private(file, text)
    click.echo(f"{', '.join(ids)} is erased.", err=True)


@contacts.command("why")
@click.argument("contact")
@click.option("--flow", help="One flow only. Default: those that they are or were in.")
def why_(contact: str, flow: str | None) -> None:
    """Tell why CONTACT got each e-mail of a flow, or did not, in a sentence each.

    CONTACT is our id, the shop's user id or the address. Of a flow that they were never in, it
    tells what kept them out. Times are the shop's.

    Example: starter.py contacts why elsa.lindqvist@example.com --flow welcome
    """
    from zoneinfo import ZoneInfo

    from sekvens.clock import SystemClock
    from sekvens.contacts.person import person_of
    from sekvens.messages.why import why, why_of_flow
    from sekvens.settings import load_settings

    settings = load_settings()
    shop_time, zone = settings.shop_time(), ZoneInfo(settings.shop.timezone)
    now = shop_time.at(SystemClock().now())
    with open_database() as database, database.read() as session:
        person = person_of(session, find_contact(session, contact).id)
        assert person is not None  # noqa: S101  it has just been found
        if flow is None:
            told, _ = why(session, person, now=now, shop_time=shop_time)
        else:
            told = [why_of_flow(session, flow, person, now=now, shop_time=shop_time)]
        if not told:
            click.echo("They were never in any flow; --flow tells what kept them out of one.")
        for each in told:
            _print_why(each, zone)


def _print_why(told: "OfFlow", zone: "ZoneInfo") -> None:
    from sekvens.messages.why_words import say

    click.echo(f"{told.flow}: {printable(say(told.because, 'en', zone=zone))}")
    for each in told.messages:
        click.echo(f"  {each.step}: {printable(say(each.because, 'en', zone=zone))}")


def _erase(database: "Database", contact_id: str, *, why: str, by: str) -> dict[str, Any]:
    from sekvens.clock import SystemClock
    from sekvens.contacts.erase import certificate_of, erase, erasure_of
    from sekvens.contacts.tables import ErasureReason
    from sekvens.events.barrier import wait_for_senders
    from sekvens.settings import load_settings

    clock = SystemClock()
    now = clock.now()
    now_shop = load_settings().shop_time().at(now)
    with database.write() as session:
        ids = erase(session, contact_id, now=now, now_shop=now_shop, by=by, why=ErasureReason(why))
        erasure = erasure_of(session, contact_id)
        assert erasure is not None  # noqa: S101  contacts are never deleted
    wait_for_senders(database, ids, clock=clock)
    return certificate_of(erasure)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write(text + "\n")


def _who(console: "Console", session: "Session", contact: "Contact", shop_zone: str) -> None:
    from sqlalchemy import select

    from sekvens.contacts.tables import Consent, Suppression, address_hash
    from sekvens.contacts.zone import zone_of_row

    consents = session.scalars(select(Consent).where(Consent.contact_id == contact.id)).all()
    agreed = ", ".join(f"{consent.purpose}: {consent.status}" for consent in consents)
    suppressed = contact.email and session.get(Suppression, address_hash(contact.email))
    name = " ".join(filter(None, (contact.first_name, contact.last_name)))
    console.print(f"{contact.id}  {printable(name)}  {contact.email or 'no address'}", markup=False)
    zone = zone_of_row(contact, shop_zone)
    console.print(f"time zone: {zone.name}, {zone.confidence} ({zone.source})")
    console.print(f"consent: {agreed or 'never asked'}")
    if suppressed:
        console.print(f"suppressed: {suppressed.reason}", style="red")


def _enrollments(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.enrollments.moves import moves_of
    from sekvens.enrollments.queries import enrollments_of

    moves = moves_of(session, contact_id)
    table = make_table(
        "workflow", "state", "step", "why it ended", "began", "ended", title="Enrollments"
    )
    for row in enrollments_of(session, contact_id):
        parked = f": {escape(row.parked_reason)}" if row.parked_reason else ""
        table.add_row(
            escape(f"{row.workflow_id} (v{row.flow_version})"),
            f"{row.state}{parked}{_moving(moves.get(row.id))}",
            row.step_id or "-",
            row.exit_reason or "-",
            minute(row.started_at),
            minute(row.ended_at),
        )
    console.print(table)


def _moving(move: "tuple[int, datetime | None] | None") -> str:
    if move is None:
        return ""
    version, since = move
    if since is None:
        return f", is to be moved to v{version}"
    return f", moving to v{version} since {minute(since)} (wall time)"


def _messages(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.engagement.queries import counts_of, in_words
    from sekvens.enrollments import queries
    from sekvens.feedback.queries import fates_of
    from sekvens.messages.tables import MessageState

    overlaps = queries.overlaps_of(session, contact_id)
    looks = queries.next_looks_of(session, contact_id)
    rows = queries.messages_of(session, contact_id)
    fates = fates_of(session, [row.id for row in rows])
    done = counts_of(session, [row.id for row in rows])
    table = make_table(
        "message", "e-mail", "state", "attempts", "skipped for", "why it waits", "sent",
        "opens and clicks", title="Messages",
    )  # fmt: skip
    for row in rows:
        fate = fates.get(row.id)
        known = [
            row.state,
            fate.state if fate else None,
            "overlapped" if row.id in overlaps else None,
        ]
        state = ", ".join(filter(None, known))
        why = ""
        if row.state == MessageState.DISPATCHING:
            why = f"in doubt since {minute(row.dispatched_at)}: SES did not answer"
        elif row.state == MessageState.PENDING:
            why = f"until {minute(looks.get(row.enrollment_id))}: {printable(row.note or '')}"
        skipped_for = row.skip_reason or "-"
        if row.skip_reason and row.note:
            skipped_for = f"{row.skip_reason}: {escape(printable(row.note))}"
        table.add_row(
            row.id, row.template, state, str(row.attempts), skipped_for, escape(why) or "-",
            minute(row.sent_on), in_words(done.get(row.id, {})) or "-",
        )  # fmt: skip
    console.print(table)


def _events(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.enrollments.queries import recent_events_of

    table = make_table("happened", "event", title="Last events")
    for row in reversed(recent_events_of(session, contact_id)):
        table.add_row(minute(row.occurred_at), escape(printable(row.name)))
    console.print(table)
