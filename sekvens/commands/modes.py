"""`flows mode`: a flow or a step made draft, manual or live, at once and for those under way."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import check_published, login_name, open_database
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from sekvens.db.session import Database
    from sekvens.flows.definition import Flow
    from sekvens.flows.steps import Mode, Step

AS_WRITTEN = "as-written"
#: `sekvens.flows.steps.Mode`, written out: help must not cost an import.
WORDS = ("draft", "manual", "live", AS_WRITTEN)
A_SECOND = 20


class NoSuchStep(SekvensError):
    """The flow has no step of this id, or none that may have this mode."""


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="FLOW [STEP]")
@click.argument("word", type=click.Choice(WORDS), metavar="[draft|manual|live|as-written]")
@click.option("--note", help="Why, for whoever reads `starter.py status`.")
@click.option("--by", help="Who says so. Default: your login name.")
@click.option(
    "--a-second",
    type=click.FloatRange(min=0.1, max=1000),
    default=A_SECOND,
    show_default=True,
    help="So many leave of those that need no approval any more.",
)
def mode(
    names: tuple[str, ...], word: str, note: str | None, by: str | None, a_second: float
) -> None:
    """Make FLOW, or one STEP of it, draft, manual or live, at once and for those under way too.

    A draft flow takes nobody, and its e-mails are passed over; so are those of a draft step. A
    manual message waits until `starter.py approve` lets it go. Of flow and step the stricter
    counts. `as-written` lets the flow's version say it again. When the command returns, nothing
    leaves that it forbids.

    Example: starter.py flows mode welcome last-day manual --note "prices are being checked"
    """
    from sekvens.approvals.releasing import release
    from sekvens.clock import SystemClock
    from sekvens.switches.turning import let_senders_pass

    if len(names) > 2:
        raise click.UsageError("give one FLOW, one STEP if you like, and the mode")
    flow, step = (*names, "")[:2]
    with open_database() as database:
        _set(database, flow, step, word, note=note, by=by or login_name())
        let_senders_pass(database, flow)
        released = release(database, SystemClock(), flow, a_second=a_second)
        _tell(database, flow, step, word)
    if released:
        pace = f"{a_second:g} a second"
        click.echo(f"{released:,} messages that waited are looked at again, {pace}.")


def in_words(flow: "Flow", by_hand: "Mapping[str, Mode]") -> str:
    """Tell the mode of a flow, and of its steps where they differ: `live; hello draft`."""
    from sekvens.flows.modes import mode_of
    from sekvens.flows.survey import every_step

    whole = mode_of(flow, None, by_hand)
    own = {step.id: mode_of(flow, step, by_hand) for step in every_step(flow.steps)}
    return "; ".join([whole, *(f"{step} {its}" for step, its in own.items() if its is not whole)])


def modes_by_hand() -> "dict[str, dict[str, Mode]]":
    """Tell what people have set, by flow and step; nothing when the database is not there yet."""
    from sqlalchemy import inspect

    from sekvens.modes.setting import all_by_hand
    from sekvens.modes.tables import SetMode

    with open_database() as database:
        if not inspect(database.engine).has_table(SetMode.__tablename__):
            return {}
        with database.read() as session:
            return all_by_hand(session)


def _set(
    database: "Database", flow: str, step: str, word: str, *, note: str | None, by: str
) -> None:
    from sekvens.clock import SystemClock
    from sekvens.flows.steps import Mode
    from sekvens.modes.setting import leave_as_written, set_mode

    now = SystemClock().now()
    with database.write() as session:
        _check(session, flow, step, word)
        if word == AS_WRITTEN:
            leave_as_written(session, flow, step, by=by, now=now)
        else:
            set_mode(session, flow, step, Mode(word), by=by, note=note, now=now)


def _check(session: "Session", flow: str, step_id: str, word: str) -> None:
    """Refuse a slip of the pen: a mode of nothing would stand and do nothing."""
    from sekvens.flows.modes import has_mode, may_have
    from sekvens.flows.steps import Mode

    steps = {step.id: step for written in _versions(session, flow) for step in _steps(written)}
    if not step_id:
        return
    if step_id not in steps:
        known = ", ".join(known for known, each in steps.items() if has_mode(each))
        raise NoSuchStep(f"{flow} has no step {step_id!r}; those with a mode are {known}")
    if not has_mode(steps[step_id]):
        raise NoSuchStep(f"{step_id} only leads to other steps: it has no mode")
    if word != AS_WRITTEN and not may_have(steps[step_id], Mode(word)):
        raise NoSuchStep(f"{step_id} sends nothing that could be approved: make it draft or live")


def _steps(flow: "Flow") -> "tuple[Step, ...]":
    from sekvens.flows.survey import every_step

    return tuple(every_step(flow.steps))


def _versions(session: "Session", flow: str) -> "list[Flow]":
    """List the versions of a flow, the oldest first; somebody may be under way in each."""
    from sekvens.enrollments.publish import published_flow
    from sekvens.enrollments.versions import history

    check_published(session, flow)
    rows = reversed(history(session, flow))
    return [published_flow(session, flow, row.version, row.digest).flow for row in rows]


def _tell(database: "Database", flow: str, step: str, word: str) -> None:
    """Say what counts now, and what may surprise."""
    from sekvens.enrollments.queries import counts_by_step
    from sekvens.flows.modes import cautions
    from sekvens.modes.setting import by_hand

    with database.read() as session:
        newest, set_by_hand = _versions(session, flow)[-1], by_hand(session, flow)
        counts = counts_by_step(session, flow)
    click.echo(f"{flow} is {in_words(newest, set_by_hand)}.")
    under_way = sum(each.enrollments for each in counts if each.state != "ended")
    if under_way and word == "draft" and not step:
        said = "whatever e-mail they come to is passed over; `pause` would hold it"
        click.echo(f"{under_way:,} enrollments are under way: {said}.")
    for caution in cautions(newest, set_by_hand):
        click.echo(f"Mind: {caution}.", err=True)
