"""`show`: all that is known about one contact, as tables; `contacts` asks, lifts and forgets."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.commands.tables import make_console, make_table, minute, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from sqlalchemy.orm import Session

    from sekvens.contacts.tables import Contact


@click.command()
@click.argument("contact")
def show(contact: str) -> None:
    """Show CONTACT's enrollments, messages with the reasons for those not sent, and last events.

    CONTACT is our id, the shop's user id or the address. Times are shop time, in UTC.

    Example: starter.py show elsa.lindqvist@example.com
    """
    console = make_console()
    with open_database() as database, database.read() as session:
        found = find_contact(session, contact)
        _who(console, session, found)
        _enrollments(console, session, found.id)
        _messages(console, session, found.id)
        _events(console, session, found.id)


@click.group()
def contacts() -> None:
    """What contacts have agreed to, and the end of it.

    Example: starter.py contacts erase c-djjezhg34dpd7uoe
    """


@contacts.command("erase")
@click.argument("contact")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase_(contact: str, *, yes: bool) -> None:
    """Erase CONTACT, and those merged into them: address, names, traits, what their events say.

    CONTACT is our id, the shop's user id or the address. Ids, times and sums stay, and so does the
    suppression of the address by its hash. Marketing flows under way end. This cannot be undone.

    Example: starter.py contacts erase c-djjezhg34dpd7uoe --yes
    """
    from sekvens.clock import SystemClock
    from sekvens.contacts.erase import erase
    from sekvens.events.barrier import wait_for_senders
    from sekvens.settings import load_settings

    with open_database() as database:
        with database.read() as session:
            found = find_contact(session, contact).id
        if not yes:
            click.confirm(f"Erase {found} for good?", abort=True)
        clock = SystemClock()
        now = clock.now()
        now_shop = load_settings().shop_time().at(now)
        with database.write() as session:
            erased = erase(session, found, now=now, now_shop=now_shop)
        wait_for_senders(database, erased, clock=clock)
    click.echo(f"{found} is erased.")


@contacts.command("consent")
@click.argument("contact")
def consent_(contact: str) -> None:
    """Show every change of CONTACT's consent, oldest first, with the evidence for it.

    CONTACT is our id, the shop's user id or the address. Times are shop time, in UTC. A topic that
    was left out stands under its own name. The wording's digest is the SHA-256 of the sentence.

    Example: starter.py contacts consent elsa.lindqvist@example.com
    """
    from sekvens.contacts.aliases import canonical_id, known_as
    from sekvens.contacts.tables import Preferences

    console = make_console()
    with open_database() as database, database.read() as session:
        found = canonical_id(session, find_contact(session, contact).id)
        _changes(console, session, known_as(session, [found])[found])
        preferences = session.get(Preferences, found)
        if preferences is not None:
            console.print(f"fewer e-mails: {'yes' if preferences.fewer else 'no'}")
            console.print(f"paused until: {minute(preferences.paused_until)}")


@contacts.command("lift")
@click.argument("contact")
@click.option("--because", required=True, help="Who said so, and when: it is kept.")
def lift_(contact: str, because: str) -> None:
    """End the suppression of CONTACT's address, after a complaint too.

    Only on the contact's own word, given to a person. It subscribes nobody: whoever has left stays
    so until they sign up again.

    Example: starter.py contacts lift elsa.lindqvist@example.com --because "wrote to Maja, 3 March"
    """
    from sekvens.clock import SystemClock
    from sekvens.contacts.suppression import lift
    from sekvens.db.base import new_id
    from sekvens.events.ingest import record_fact
    from sekvens.events.schema import SUPPRESSION_LIFTED
    from sekvens.settings import load_settings

    now = SystemClock().now()
    with open_database() as database, database.write() as session:
        found = find_contact(session, contact)
        reason = lift(session, found.email) if found.email else None
        if reason is None:
            raise click.ClickException(f"the address of {found.id} is not suppressed")
        record_fact(
            session,
            contact_id=found.id,
            name=SUPPRESSION_LIFTED,
            message_id=new_id("lifted"),
            properties={"reason": reason.value, "because": because},
            occurred_at=load_settings().shop_time().at(now),
            now=now,
        )
    click.echo(f"The address of {found.id} may be mailed again; it was suppressed for: {reason}.")


def _changes(console: "Console", session: "Session", contact_ids: "Sequence[str]") -> None:
    from rich.markup import escape
    from sqlalchemy import select

    from sekvens.contacts.consent import topic_of_purpose
    from sekvens.contacts.tables import ConsentChange

    table = make_table(
        "when", "about", "consent", "rests on", "source", "page", "wording", "from", "event",
        title="Consent",
    )  # fmt: skip
    query = select(ConsentChange).where(ConsentChange.contact_id.in_(contact_ids))
    for row in session.scalars(query.order_by(ConsentChange.at, ConsentChange.id)):
        topic = topic_of_purpose(row.purpose)
        rests_on = f"{row.basis} {row.order_id}" if row.order_id else row.basis
        wording = f"{row.wording_version or '-'} {(row.wording_digest or '')[:12]}"
        cells = (rests_on, row.source, row.page_url or "-", wording, row.ip_mark or "-")
        table.add_row(
            minute(row.at), f"topic {topic}" if topic else row.purpose, row.status,
            *(escape(printable(cell)) for cell in cells), escape(printable(row.event_id)),
        )  # fmt: skip
    console.print(table)


def _who(console: "Console", session: "Session", contact: "Contact") -> None:
    from sqlalchemy import select

    from sekvens.contacts.tables import Consent, Suppression, address_hash

    consents = session.scalars(select(Consent).where(Consent.contact_id == contact.id)).all()
    agreed = ", ".join(f"{consent.purpose}: {consent.status}" for consent in consents)
    suppressed = contact.email and session.get(Suppression, address_hash(contact.email))
    name = " ".join(filter(None, (contact.first_name, contact.last_name)))
    console.print(f"{contact.id}  {printable(name)}  {contact.email or 'no address'}", markup=False)
    console.print(f"consent: {agreed or 'never asked'}")
    if suppressed:
        console.print(f"suppressed: {suppressed.reason}", style="red")


def _enrollments(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.enrollments.queries import enrollments_of

    table = make_table(
        "workflow", "state", "step", "why it ended", "began", "ended", title="Enrollments"
    )
    for row in enrollments_of(session, contact_id):
        parked = f": {escape(row.parked_reason)}" if row.parked_reason else ""
        table.add_row(
            escape(f"{row.workflow_id} (v{row.flow_version})"),
            f"{row.state}{parked}",
            row.step_id or "-",
            row.exit_reason or "-",
            minute(row.started_at),
            minute(row.ended_at),
        )
    console.print(table)


def _messages(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.enrollments import queries
    from sekvens.messages.tables import MessageState

    overlaps = queries.overlaps_of(session, contact_id)
    looks = queries.next_looks_of(session, contact_id)
    table = make_table(
        "message", "e-mail", "state", "attempts", "skipped for", "why it waits", "sent",
        title="Messages",
    )  # fmt: skip
    for row in queries.messages_of(session, contact_id):
        state = f"{row.state}, overlapped" if row.id in overlaps else row.state
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
            minute(row.sent_on),
        )  # fmt: skip
    console.print(table)


def _events(console: "Console", session: "Session", contact_id: str) -> None:
    from rich.markup import escape

    from sekvens.enrollments.queries import recent_events_of

    table = make_table("happened", "event", title="Last events")
    for row in reversed(recent_events_of(session, contact_id)):
        table.add_row(minute(row.occurred_at), escape(printable(row.name)))
    console.print(table)
