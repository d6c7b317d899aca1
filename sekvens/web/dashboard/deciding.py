"""Approving and rejecting messages of manual flows and steps, those of one e-mail at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from sekvens.approvals.deciding import Decider, Word
from sekvens.approvals.waiting import Which, groups
from sekvens.staff.tables import Role
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House

#: Messages that go on to the gate in a second, at the most.
A_SECOND: Final = 20.0


def look_at_approving(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many would go on to the gate."""
    return _look(session, asked, "will_approve")


def look_at_rejecting(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say how many would never be sent."""
    return _look(session, asked, "will_reject")


def approve(house: House, asked: Asked) -> str:
    """Let messages go on to the gate, which looks at everything else as ever."""
    return asked.t("approved", n=_decide(house, asked, is_approved=True))


def reject(house: House, asked: Asked) -> str:
    """Skip messages for good."""
    return asked.t("rejected", n=_decide(house, asked, is_approved=False))


def _look(session: Session, asked: Asked, key: str) -> Prospect | Refused:
    count = sum(each.messages for each in groups(session, _which(asked), now=asked.now))
    if not count:
        return Refused(says=asked.t.nothing_to_decide)
    flow, step = asked.query["flow"], asked.query["step"]
    return Prospect(says=asked.t(key, n=count, flow=flow, step=step), count=count)


def _decide(house: House, asked: Asked, *, is_approved: bool) -> int:
    note = asked.query.get("note", "").strip() or None
    word = Word(is_approved=is_approved, by=asked.who.name, note=note)
    decider = Decider(house.database, house.clock, house.shop_time)
    return decider.decide(_which(asked), word, limit=None, a_second=A_SECOND)


def _which(asked: Asked) -> Which:
    """Tell which messages are meant: of what has come since the page nobody has been asked."""
    until = datetime.fromtimestamp(asked.number("until", digits=11) or 0, UTC)
    flow, step = asked.query.get("flow", ""), asked.query.get("step", "")
    return Which(flow=flow, step=step, until=until)


DECIDING: Sequence[Action] = (
    Action(
        name="approve", words="operations", role=Role.EDITOR, look=look_at_approving, do=approve,
        on=("flow", "step", "until"), fields=("note",),
    ),
    Action(
        name="reject", words="operations", role=Role.EDITOR, look=look_at_rejecting, do=reject,
        on=("flow", "step", "until"), fields=("note",),
    ),
)  # fmt: skip
