"""Setting the mode of a flow or of a step, at once and for people under way too.

A mode that is set is committed first, then the flow's switch lock is held alone for a moment
(`sekvens.switches.turning.let_senders_pass`): what it forbids does not leave any more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.flows.definition import Flow
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import Mode, Step
from sekvens.modes.tables import SetMode


def set_mode(
    session: Session,
    flow: str,
    step: str,
    mode: Mode,
    *,
    by: str,
    note: str | None,
    now: datetime,
) -> SetMode:
    """Set a mode from now on; what stands so already keeps its date. `now` is wall time."""
    standing = session.scalar(select(SetMode).where(*_of(flow, step)))
    if standing is not None and standing.mode == mode:
        return standing
    leave_as_written(session, flow, step, by=by, now=now)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"flow": flow, "step": step, "mode": mode, "since": now, "by": by, "note": note}
    # Of two who set it at once, one does.
    session.execute(insert(SetMode).values(values).on_conflict_do_nothing())
    return session.execute(select(SetMode).where(*_of(flow, step))).scalar_one()


def leave_as_written(
    session: Session, flow: str, step: str, *, by: str, now: datetime
) -> SetMode | None:
    """Let the flow's version say the mode again; None: nobody had set one."""
    return session.execute(
        update(SetMode).where(*_of(flow, step)).values(ended_at=now, ended_by=by).returning(SetMode)
    ).scalar_one_or_none()


def set_modes(session: Session, flow: str | None = None) -> Sequence[SetMode]:
    """List the modes that people have set and that hold now, of one flow or of all."""
    query = select(SetMode).where(SetMode.ended_at.is_(None))
    if flow is not None:
        query = query.where(SetMode.flow == flow)
    return session.scalars(query.order_by(SetMode.flow, SetMode.step)).all()


def by_hand(session: Session, flow: str) -> dict[str, Mode]:
    """Tell what people have set in a flow, by step id (`WHOLE_FLOW`: the flow's own)."""
    return {step: Mode(mode) for step, mode in session.execute(_BY_HAND, {"flow": flow})}


def all_by_hand(session: Session) -> dict[str, dict[str, Mode]]:
    """Tell what people have set, by flow and step id."""
    found: dict[str, dict[str, Mode]] = {}
    for each in set_modes(session):
        found.setdefault(each.flow, {})[each.step] = Mode(each.mode)
    return found


def mode_now(session: Session, flow: Flow, step: Step | None = None) -> Mode:
    """Tell the mode that counts for a step now, or for a flow (None)."""
    return mode_of(flow, step, by_hand(session, flow.name))


#: Asked twice for every message, and nearly always without a row.
_BY_HAND: Final = select(SetMode.step, SetMode.mode).where(
    SetMode.flow == bindparam("flow"), SetMode.ended_at.is_(None)
)


def _of(flow: str, step: str) -> tuple[ColumnElement[bool], ...]:
    return SetMode.flow == flow, SetMode.step == step, SetMode.ended_at.is_(None)
