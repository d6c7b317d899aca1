"""Turning switches: on for a while, off again, and who did it stays on record.

A change is committed first; then its lock is held alone for a moment. Senders share it from before
their last look at the gate until SES has answered. So when a change has been made, either a sender
has seen it, or it has finished.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.flows.steps import Purpose
from sekvens.switches.tables import BREAKER, EVERYTHING, Switch, SwitchState

#: A sender is gone after its deadline, SES's time-outs and a database that comes back late.
SENDERS_TIMEOUT = timedelta(seconds=30)


def turn(
    session: Session, name: str, state: SwitchState, *, by: str, note: str | None, now: datetime
) -> Switch:
    """Hold messages from now on; what stands so already keeps its date. `now` is wall time."""
    standing = session.scalar(select(Switch).where(Switch.name == name, _holds_now()))
    if standing is not None and standing.state == state:
        return standing
    end(session, name, by=by, now=now)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"name": name, "state": state, "since": now, "by": by, "note": note}
    # Of two who turn it at once, one does.
    session.execute(insert(Switch).values(values).on_conflict_do_nothing())
    return session.execute(select(Switch).where(Switch.name == name, _holds_now())).scalar_one()


def hold(
    database: Database, name: str, state: SwitchState, *, by: str, note: str | None, now: datetime
) -> Switch:
    """Hold messages from now on (wall time), and return once nothing leaves that this forbids.

    Raises:
        LockTimeout: a message that had passed the gate before is still leaving; the switch holds.
    """
    with database.write() as session:
        switch = turn(session, name, state, by=by, note=note, now=now)
    let_senders_pass(database, name)
    return switch


def end(session: Session, name: str, *, by: str, now: datetime) -> Switch | None:
    """Hold messages no longer; None: nothing was held. `now` is wall time."""
    return session.execute(
        update(Switch)
        .where(Switch.name == name, _holds_now())
        .values(ended_at=now, ended_by=by)
        .returning(Switch)
    ).scalar_one_or_none()


def let_senders_pass(
    database: Database, name: str, *, timeout: timedelta = SENDERS_TIMEOUT
) -> None:
    """Wait until every message that had passed the gate before a change is settled.

    Raises:
        LockTimeout: one was still leaving after `timeout`.
    """
    with database.locks.hold_switch(name, timeout=timeout):
        pass


def senders_share(flow: str) -> tuple[str, str]:
    """List the switches that a sender shares, in the order in which everybody takes them."""
    return EVERYTHING, flow


def standing(session: Session) -> Sequence[Switch]:
    """List what holds messages now: what holds the most comes first."""
    return session.scalars(_STANDING).all()


def holding(session: Session, *, flow: str, purpose: str) -> Switch | None:
    """Find what holds a message of a flow now; of several, what has to be turned back first."""
    for switch in standing(session):
        concerned = switch.name in (EVERYTHING, BREAKER, flow)
        if concerned and (switch.state == SwitchState.STOPPED or purpose == Purpose.MARKETING):
            return switch
    return None


def held_flows() -> Select[str]:
    """Select the flows whose marketing a switch of their own holds."""
    return select(Switch.name).where(_holds_now())


def is_turned(session: Session, name: str) -> bool:
    """Tell whether a switch holds messages now."""
    return session.scalar(select(Switch.id).where(Switch.name == name, _holds_now())) is not None


def last_ended(session: Session, name: str) -> datetime | None:
    """Tell when (wall time) a switch was last turned back; None: never."""
    return session.scalar(select(func.max(Switch.ended_at)).where(Switch.name == name))


def _holds_now() -> ColumnElement[bool]:
    return Switch.ended_at.is_(None)


#: Asked twice for every message, and nearly always without a row.
_STANDING: Final = (
    select(Switch)
    .where(_holds_now())
    .order_by(
        Switch.state != SwitchState.STOPPED, Switch.name != EVERYTHING, Switch.name != BREAKER,
        Switch.id,
    )
)  # fmt: skip
