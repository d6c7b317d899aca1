"""Pausing, stopping and resuming: a person holds messages, of one flow or all, and lets them go.

When a hold has been made, no message that it forbids can leave any more. Nothing is signalled, and
nobody leaves a flow: what is due waits at the gate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.queries import UNDER_WAY, published_flows
from sekvens.enrollments.tables import Enrollment
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message, MessageState
from sekvens.messages.verdicts import why_held
from sekvens.staff.tables import Role
from sekvens.switches.tables import BREAKER, EVERYTHING, Switch, SwitchState
from sekvens.switches.turning import end, hold, standing
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.words import Words

_WORDS: Final = "holding"
#: What does not go by a flow's name.
_SAID: Final = {EVERYTHING: "everything", BREAKER: "by_breaker"}


def in_words(name: str, language: str) -> str:
    """Say what a switch is for: everything, marketing by the breaker, or a flow."""
    return Words(_WORDS, language)(_SAID[name]) if name in _SAID else name


def note_of(switch: Switch, language: str) -> str:
    """Tell why it was turned: as whoever did it has written, or the breaker in our words."""
    note = switch.note or ""
    return Reasons(language).sentence(note) if switch.name == BREAKER else note


def held_now(session: Session, name: str) -> Switch | None:
    """Find the switch of this name that holds messages now."""
    return next((each for each in standing(session) if each.name == name), None)


@dataclass(frozen=True, kw_only=True)
class _Hold:
    """Holding one flow, that which is asked for, or everything."""

    state: SwitchState
    is_of_flow: bool

    def look(self, _house: House, session: Session, asked: Asked) -> Prospect | Refused:
        """Say how many are under way whose messages would wait."""
        flow = asked.query.get("flow", "")
        concerned = select(func.count()).select_from(Enrollment).where(UNDER_WAY)
        if self.is_of_flow:
            concerned = concerned.where(Enrollment.flow == flow)
            if flow not in published_flows(session):
                return Refused(says=asked.t("no_such_flow", flow=flow))
        now = held_now(session, self._name(asked))
        if now is not None and now.state == self.state:
            return Refused(says=self._says("already", asked))
        count = session.scalar(concerned) or 0
        return Prospect(says=self._says("will_be", asked, n=count), count=count)

    def do(self, house: House, asked: Asked) -> str:
        """Hold them, and say so once nothing leaves any more."""
        name, note = self._name(asked), asked.query.get("note", "").strip() or None
        hold(house.database, name, self.state, by=asked.who.name, note=note, now=house.clock.now())
        return self._says("is", asked)

    def _name(self, asked: Asked) -> str:
        return asked.query.get("flow", "") if self.is_of_flow else EVERYTHING

    def _says(self, key: str, asked: Asked, **values: int) -> str:
        scope = "flow" if self.is_of_flow else "everything"
        return asked.t(f"{key}_{self.state}_{scope}", flow=asked.query.get("flow", ""), **values)


def _look_at_resuming(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many messages wait because of a hold."""
    name = asked.query.get("what", "")
    held = held_now(session, name)
    if held is None:
        return Refused(says=_said("not_held", session, asked))
    waiting = _waiting(session, name, held.state)
    key = "will_resume_breaker" if name == BREAKER else "will_resume"
    says = asked.t(key, n=waiting, what=in_words(name, asked.language))
    return Prospect(says=says, count=waiting)


def _resume(house: House, asked: Asked) -> str:
    with house.database.write() as session:
        ended = end(session, asked.query["what"], by=asked.who.name, now=house.clock.now())
        return _said("not_held" if ended is None else "resumed", session, asked)


def _said(key: str, session: Session, asked: Asked) -> str:
    """Say it of what was asked for, and what holds messages all the same."""
    said = [asked.t(key, what=in_words(asked.query.get("what", ""), asked.language))]
    said += [
        asked.t("still_held", what=in_words(each.name, asked.language))
        for each in standing(session)
    ]
    return " ".join(said)


def _waiting(session: Session, name: str, state: str) -> int:
    """Count the messages whose last look at the gate found this hold."""
    by = HeldBy.BREAKER if name == BREAKER else HeldBy(state)
    query = select(func.count()).where(
        Message.state == MessageState.PENDING, Message.note == why_held(by)
    )
    if name not in _SAID:
        query = query.where(Message.flow == name)
    return session.scalar(query) or 0


def _holding(name: str, state: SwitchState, *on: str) -> Action:
    of = _Hold(state=state, is_of_flow="flow" in on)
    return Action(
        name=name, words=_WORDS, role=Role.OPERATOR, look=of.look, do=of.do, on=on,
        fields=("note",),
    )  # fmt: skip


HOLDING: Final[Sequence[Action]] = (
    _holding("pause-everything", SwitchState.PAUSED),
    _holding("stop-everything", SwitchState.STOPPED),
    _holding("pause-flow", SwitchState.PAUSED, "flow"),
    _holding("stop-flow", SwitchState.STOPPED, "flow"),
    Action(
        name="resume", words=_WORDS, role=Role.OPERATOR, look=_look_at_resuming, do=_resume,
        on=("what",),
    ),
)  # fmt: skip
