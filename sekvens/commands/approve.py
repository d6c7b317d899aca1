"""`approve`: messages that wait for a person, looked at, approved or rejected, many at once."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import check_published, find_people, login_name, open_database
from sekvens.commands.tables import make_console, make_table, minute, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from sekvens.approvals.waiting import Which
    from sekvens.messages.tables import Message

#: So many messages are named by a dry run.
SHOWN = 20
A_SECOND = 20


@click.command()
@click.argument("flow", required=False)
@click.argument("step", required=False)
@click.option("--all", "everything", is_flag=True, help="Of every flow.")
@click.option("--contact", help="Of one contact: our id, the shop's own id or the address.")
@click.option("--limit", type=click.IntRange(min=1), help="So many at the most, the oldest first.")
@click.option("--reject", is_flag=True, help="They are never sent: skipped as not_approved.")
@click.option("--show", "message", metavar="MESSAGE", help="Print this one as it would leave.")
@click.option("--dry-run", is_flag=True, help="Decide nothing; name the first of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--note", help="Why, kept with each message.")
@click.option("--by", help="Who says so. Default: your login name.")
@click.option("--a-second", type=click.FloatRange(min=0.1, max=1000), default=A_SECOND,
              show_default=True, help="How many are let go in a second, at the most.")  # fmt: skip
def approve(  # noqa: PLR0913  one for each option
    flow: str | None,
    step: str | None,
    contact: str | None,
    limit: int | None,
    message: str | None,
    note: str | None,
    by: str | None,
    a_second: float,
    *,
    everything: bool,
    reject: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Approve messages of manual flows and steps; without arguments, list what waits.

    An approval lets a message go on to the gate, which looks at everything else as ever: whoever
    has bought or unsubscribed meanwhile gets nothing, and what is too late is skipped as stale. To
    --show an e-mail with an offer claims its code.

    Example: starter.py approve welcome last-day --dry-run
    """
    if message:
        _show(message, by=by or login_name())
        return
    if not (flow or everything or contact):
        if reject or dry_run or limit or yes:
            raise click.UsageError("say which messages: FLOW, --contact or --all")
        _list()
        return
    if flow and everything:
        raise click.UsageError("give FLOW or --all, not both")
    which = _which(flow, step, contact)
    verb = "reject" if reject else "approve"
    with open_database() as database, database.read() as session:
        check_published(session, flow)
        found = _found(session, which, limit)
    if dry_run or not found:
        _name(found, verb)
        return
    if not yes:
        click.confirm(f"{verb.capitalize()} {len(found):,} messages?", abort=True)
    done = _decide(which, len(found), a_second=a_second, note=note, by=by, is_approved=not reject)
    said = "are rejected" if reject else f"are approved; {a_second:g} a second go to the gate"
    click.echo(f"{done:,} messages {said}.")


def _which(flow: str | None, step: str | None, contact: str | None) -> "Which":
    from sekvens.approvals.waiting import Which
    from sekvens.contacts.aliases import canonical, known_as

    if contact is None:
        return Which(flow=flow, step=step)
    with open_database() as database, database.read() as session:
        people = set(canonical(session, find_people(session, contact)).values())
        known = [name for names in known_as(session, people).values() for name in names]
    return Which(flow=flow, step=step, contact_ids=known)


def _found(session: "Session", which: "Which", limit: int | None) -> "Sequence[Message]":
    from sekvens.approvals.waiting import messages
    from sekvens.clock import SystemClock

    return messages(session, which, now=SystemClock().now(), limit=limit)


def _name(found: "Sequence[Message]", verb: str) -> None:
    """Name the first of them, so that they can be looked at."""
    click.echo(f"{len(found):,} messages wait for you to {verb} them.")
    if not found:
        return
    table = make_table("message", "flow", "step", "contact", "since")
    for each in found[:SHOWN]:
        table.add_row(each.id, each.flow, each.step_id, each.contact_id, minute(each.claimed_at))
    make_console().print(table)
    if len(found) > SHOWN:
        click.echo(f"… and {len(found) - SHOWN:,} more")


def _decide(
    which: "Which", count: int, *, a_second: float, note: str | None, by: str | None,
    is_approved: bool,
) -> int:  # fmt: skip
    from rich.progress import Progress

    from sekvens.approvals.deciding import Decider, Word
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    console = make_console()
    word = Word(is_approved=is_approved, by=by or login_name(), note=note)
    with open_database() as database:
        decider = Decider(database, SystemClock(), load_settings().shop_time())
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("Writing it down", total=count)

            def advance(done: int) -> None:
                progress.update(bar, completed=done)

            # Only so many as were told: what has come since has not been asked about.
            return decider.decide(which, word, limit=count, a_second=a_second, progress=advance)


def _list() -> None:
    from rich.markup import escape

    from sekvens.approvals.showing import subject_of
    from sekvens.approvals.waiting import Which, groups
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    now, locale = SystemClock().now(), load_settings().shop.default_locale
    with open_database() as database, database.read() as session:
        found = groups(session, Which(), now=now)
        subjects = [subject_of(session, each, locale=locale) for each in found]
    if not found:
        click.echo("No message waits for a person.")
        return
    table = make_table("flow", "step", "subject", "messages", "since", "too late", "for instance")
    for each, subject in zip(found, subjects, strict=True):
        late = each.since + each.too_late_after if each.too_late_after else None
        table.add_row(
            each.flow, each.step, escape(printable(subject)), f"{each.messages:,}",
            minute(each.since), minute(late), each.instance,
        )  # fmt: skip
    console = make_console()
    console.print(table)
    console.print("`too late` is when the oldest is skipped as stale. Wall time, in UTC.")


def _show(message_id: str, *, by: str) -> None:
    import logging

    from sekvens.approvals.showing import show
    from sekvens.clock import SystemClock
    from sekvens.messages.envelope import Envelope
    from sekvens.settings import load_settings

    settings = load_settings()
    now = settings.shop_time().at(SystemClock().now())
    with open_database() as database:
        shown = show(database, Envelope.of(settings, database), message_id, now=now)
    extra = {"action": "message_shown", "message_id": message_id, "contact_id": shown.contact_id}
    logging.getLogger(__name__).info("%s looked at a message", by, extra=extra)
    click.echo(f"To: contact {shown.contact_id}\nSubject: {printable(shown.subject)}\n")
    click.echo(shown.text, nl=False)
