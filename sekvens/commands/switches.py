"""`stop`, `pause`, `resume`: a person holds messages, and lets them go again."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import check_published, login_name, open_database
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.switches.tables import SwitchState

_flow = click.option("--flow", help="One flow only. Default: everything.")
_note = click.option("--note", help="Why, for whoever reads `starter.py status`.")
_by = click.option("--by", help="Who says so. Default: your login name.")


class NothingHeld(SekvensError):
    """No switch of this name is turned."""


@click.command()
@_flow
@_note
@_by
def stop(flow: str | None, note: str | None, by: str | None) -> None:
    """Stop every message, order mail too: of one flow, or of all.

    When the command returns, SES accepts no message that it forbids. Waits go on, nobody leaves a
    flow, and what is due waits at the gate; `resume` lets it go, spread over as long as it was
    held, up to an hour. What has become too late by then is skipped.

    Example: starter.py stop --note "wrong price in the offer"
    """
    from sekvens.switches.tables import SwitchState

    _turn(flow, SwitchState.STOPPED, note=note, by=by)


@click.command()
@_flow
@_note
@_by
def pause(flow: str | None, note: str | None, by: str | None) -> None:
    """Pause marketing: of one flow, or of all. Order mail goes on, also in that flow.

    For the rest it is as `stop`.

    Example: starter.py pause --flow winback --note "until the new stock is here"
    """
    from sekvens.switches.tables import SwitchState

    _turn(flow, SwitchState.PAUSED, note=note, by=by)


@click.command()
@click.option("--flow", help="One flow only. Default: what was stopped or paused for everything.")
@click.option("--breaker", is_flag=True, help="Marketing that the breaker holds.")
@_by
def resume(flow: str | None, by: str | None, *, breaker: bool) -> None:
    """Let messages go that `stop`, `pause` or the breaker holds.

    Nothing is signalled: each message finds out at its next look. After `--breaker` the rates are
    taken anew, of messages from now on: look first at what bounced.

    Example: starter.py resume --flow winback
    """
    from sekvens.clock import SystemClock
    from sekvens.switches.tables import BREAKER, EVERYTHING
    from sekvens.switches.turning import end, standing

    if flow and breaker:
        raise click.UsageError("give --flow or --breaker, not both")
    name = BREAKER if breaker else flow or EVERYTHING
    with open_database() as database, database.write() as session:
        ended = end(session, name, by=by or login_name(), now=SystemClock().now())
        left = [each.name for each in standing(session)]
        if ended is None:
            others = f"; {', '.join(map(in_words, left))} is" if left else ""
            raise NothingHeld(f"{in_words(name)} is not stopped or paused{others}")
    click.echo(f"{in_words(name)} goes on; held since {ended.since:%Y-%m-%d %H:%M} UTC.")
    for other in left:
        click.echo(f"Still held: {in_words(other)}.")


def in_words(name: str) -> str:
    """Say what a switch is for, as tables and sentences have it."""
    from sekvens.switches.tables import BREAKER, EVERYTHING

    return {EVERYTHING: "everything", BREAKER: "marketing (by the breaker)"}.get(name, name)


def _turn(flow: str | None, state: "SwitchState", *, note: str | None, by: str | None) -> None:
    from sekvens.clock import SystemClock
    from sekvens.switches.tables import EVERYTHING, SwitchState
    from sekvens.switches.turning import hold

    name = flow or EVERYTHING
    with open_database() as database:
        with database.read() as session:
            check_published(session, flow)
        now = SystemClock().now()
        switch = hold(database, name, state, by=by or login_name(), note=note, now=now)
    holds = "nothing leaves" if state == SwitchState.STOPPED else "no marketing leaves"
    since = f"{switch.since:%Y-%m-%d %H:%M} UTC, by {switch.by}"
    back = f"--flow {flow}" if flow else ""
    click.echo(f"{in_words(name)}: {holds} any more (since {since}).")
    click.echo(f"To go on: starter.py resume {back}".rstrip())
