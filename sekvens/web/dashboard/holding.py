"""Pausing, stopping and resuming: a person holds messages, and lets them go again.

When a hold has been made, no message that it forbids can leave any more. Nothing is signalled, and
nobody leaves a flow: what is due waits at the gate.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message, MessageState
from sekvens.messages.verdicts import why_held
from sekvens.staff.tables import Role
from sekvens.switches.tables import BREAKER, EVERYTHING, SwitchState
from sekvens.switches.turning import end, hold, standing
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House


def look_at_pausing(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many are under way whose marketing would wait."""
    return _look_at_holding(session, asked, SwitchState.PAUSED, "will_pause")


def look_at_stopping(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many are under way whose messages would all wait."""
    return _look_at_holding(session, asked, SwitchState.STOPPED, "will_stop")


def pause(house: House, asked: Asked) -> str:
    """Hold all marketing."""
    return _hold(house, asked, SwitchState.PAUSED, "paused")


def stop(house: House, asked: Asked) -> str:
    """Hold every message."""
    return _hold(house, asked, SwitchState.STOPPED, "stopped")


def look_at_resuming(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many messages wait because of a hold."""
    what = asked.query.get("what", "")
    held = next((each for each in standing(session) if each.name == what), None)
    if held is None:
        return Refused(says=asked.t("not_held", what=in_words(asked, what)))
    waiting = _waiting(session, what, held.state)
    key = "will_resume_breaker" if what == BREAKER else "will_resume"
    return Prospect(says=asked.t(key, n=waiting, what=in_words(asked, what)), count=waiting)


def resume(house: House, asked: Asked) -> str:
    """Let messages go that a hold has kept."""
    what = asked.query["what"]
    with house.database.write() as session:
        ended = end(session, what, by=asked.who.name, now=house.clock.now())
        left = [each.name for each in standing(session)]
    if ended is None:
        return asked.t("not_held", what=in_words(asked, what))
    said = [asked.t("resumed", what=in_words(asked, what))]
    said += [asked.t("still_held", what=in_words(asked, each)) for each in left]
    return " ".join(said)


def in_words(asked: Asked, name: str) -> str:
    """Say what a switch is for."""
    known = {EVERYTHING: "everything", BREAKER: "by_breaker"}
    return asked.t(known[name]) if name in known else name


def _look_at_holding(
    session: Session, asked: Asked, state: SwitchState, key: str
) -> Prospect | Refused:
    if any(each.name == EVERYTHING and each.state == state for each in standing(session)):
        return Refused(says=asked.t(f"{state.value}_already"))
    under_way = select(func.count()).select_from(Enrollment)
    count = session.scalar(under_way.where(Enrollment.state != EnrollmentState.ENDED)) or 0
    return Prospect(says=asked.t(key, n=count), count=count)


def _hold(house: House, asked: Asked, state: SwitchState, said: str) -> str:
    note = asked.query.get("note", "").strip() or None
    now = house.clock.now()
    hold(house.database, EVERYTHING, state, by=asked.who.name, note=note, now=now)
    return asked.t(said)


def _waiting(session: Session, what: str, state: str) -> int:
    """Count the messages whose last look at the gate found this hold."""
    by = HeldBy.BREAKER if what == BREAKER else HeldBy(state)
    query = select(func.count()).where(
        Message.state == MessageState.PENDING, Message.note == why_held(by)
    )
    if what not in (BREAKER, EVERYTHING):
        query = query.where(Message.flow == what)
    return session.scalar(query) or 0


HOLDING: Sequence[Action] = (
    Action(
        name="pause-everything", words="operations", role=Role.OPERATOR, look=look_at_pausing,
        do=pause, fields=("note",),
    ),
    Action(
        name="stop-everything", words="operations", role=Role.OPERATOR, look=look_at_stopping,
        do=stop, fields=("note",),
    ),
    Action(
        name="resume", words="operations", role=Role.OPERATOR, look=look_at_resuming, do=resume,
        on=("what",),
    ),
)  # fmt: skip
