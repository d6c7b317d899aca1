"""`contacts consent`, `lift` and `requests`: what contacts allow, and what they ask of the shop.

What a person decides here is recorded with their reason, as a fact of the contact.
"""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import find_contact, open_database
from sekvens.commands.tables import make_console, make_table, minute, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from sqlalchemy.orm import Session


@click.command("consent")
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


@click.command("lift")
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
    now_shop = load_settings().shop_time().at(now)
    with open_database() as database, database.write() as session:
        found = find_contact(session, contact)
        reason = lift(session, found.email, at=now_shop) if found.email else None
        if reason is None:
            raise click.ClickException(f"the address of {found.id} is not suppressed")
        record_fact(
            session,
            contact_id=found.id,
            name=SUPPRESSION_LIFTED,
            message_id=new_id("lifted"),
            properties={"reason": reason.value, "because": because},
            occurred_at=now_shop,
            now=now,
        )
    click.echo(f"The address of {found.id} may be mailed again; it was suppressed for: {reason}.")


@click.command("requests")
@click.option("--done", metavar="REQUEST", help="Say that this one has been answered.")
def requests_(done: str | None) -> None:
    """List what was asked under the law of privacy and waits for a person.

    A request for erasure that a platform posts is carried out at once and is not listed. One for
    export is answered by giving the person what we hold of them.

    Example: starter.py contacts requests
    """
    from sekvens.clock import SystemClock
    from sekvens.contacts import requests

    with open_database() as database:
        if done is not None:
            with database.write() as session:
                if not requests.finish(session, done, now=SystemClock().now()):
                    raise click.UsageError(f"no request {printable(done)} is open")
            click.echo(f"{done} is done.")
            return
        table = make_table("request", "asked", "for", "by", "contact")
        with database.read() as session:
            for row in requests.open_requests(session):
                table.add_row(
                    row.id, minute(row.asked_at), row.kind, row.source, row.contact_id or "-"
                )
        print_table(table, empty="No request is open.")


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
