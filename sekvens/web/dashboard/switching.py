"""Pausing, stopping and resuming one flow: what the commands `pause`, `stop` and `resume` do."""

from functools import partial
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.queries import UNDER_WAY, published_flows
from sekvens.enrollments.tables import Enrollment
from sekvens.staff.tables import Role
from sekvens.switches.tables import Switch, SwitchState
from sekvens.switches.turning import end, hold, standing
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House

_WORDS: Final = "flow"


def _look(
    state: SwitchState | None, house: House, session: Session, asked: Asked
) -> Prospect | Refused:
    """Tell whom it would concern; `state` None: the flow would go on."""
    del house
    flow, t = asked.query.get("flow", ""), asked.t
    if flow not in published_flows(session):
        return Refused(says=t("no_such_flow", flow=flow))
    now = held_now(session, flow)
    if state is None and now is None:
        return Refused(says=t("not_held", flow=flow))
    if state is not None and now is not None and now.state == state:
        return Refused(says=t(f"already_{state}", flow=flow))
    concerned = select(func.count()).where(Enrollment.flow == flow, UNDER_WAY)
    count = session.scalar(concerned) or 0
    key = "would_resume" if state is None else f"would_{state}"
    return Prospect(says=t(key, flow=flow, n=count), count=count)


def _turn(state: SwitchState, house: House, asked: Asked) -> str:
    flow = asked.query["flow"]
    by, note = asked.who.name, asked.query.get("note") or None
    hold(house.database, flow, state, by=by, note=note, now=house.clock.now())
    return asked.t(f"is_{state}", flow=flow)


def _resume(house: House, asked: Asked) -> str:
    flow = asked.query["flow"]
    with house.database.write() as session:
        end(session, flow, by=asked.who.name, now=house.clock.now())
    return asked.t("is_resumed", flow=flow)


def held_now(session: Session, flow: str) -> Switch | None:
    """Find the switch of a flow's own that holds its messages now."""
    return next((each for each in standing(session) if each.name == flow), None)


PAUSE_FLOW: Final = Action(
    name="pause-flow", words=_WORDS, role=Role.OPERATOR, on=("flow",), fields=("note",),
    look=partial(_look, SwitchState.PAUSED), do=partial(_turn, SwitchState.PAUSED),
)  # fmt: skip
STOP_FLOW: Final = Action(
    name="stop-flow", words=_WORDS, role=Role.OPERATOR, on=("flow",), fields=("note",),
    look=partial(_look, SwitchState.STOPPED), do=partial(_turn, SwitchState.STOPPED),
)  # fmt: skip
RESUME_FLOW: Final = Action(
    name="resume-flow", words=_WORDS, role=Role.OPERATOR, on=("flow",),
    look=partial(_look, None), do=_resume,
)  # fmt: skip
