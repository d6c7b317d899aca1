"""What the mode of a flow and of its steps does to a message at the gate.

A draft is passed over. A manual message is held until a person approves it, and looked at again
when one has, when it is too late, or after a day.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.approvals.tables import Approval
from sekvens.enrollments.wire import SendInput
from sekvens.flows.graph import Graph
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import Mode
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message
from sekvens.messages.verdicts import Later, Refused, latest_of
from sekvens.modes.setting import mode_now

#: Whoever approves a message has it looked at. In case a worker has passed over that (wall time):
LOOK_AFTER: Final = timedelta(days=1)
#: The first moment at which a message is too late.
A_MOMENT: Final = timedelta(seconds=1)


def by_mode(session: Session, order: SendInput, graph: Graph) -> Refused | Later | None:
    """Tell what the mode that counts does to a message; None: it may leave."""
    match mode_now(session, graph.flow, graph.steps.get(order.step_id)):
        case Mode.LIVE:
            return None
        case Mode.DRAFT:
            return Refused(reason=SkipReason.DRAFT)
        case Mode.MANUAL:
            return None if _is_approved(session, order) else _held(order)


def expected(held: Later) -> datetime | None:
    """Tell when a held message may leave at the earliest; None: when somebody has approved it."""
    return None if held.reason == HeldBy.MANUAL else held.until


def _is_approved(session: Session, order: SendInput) -> bool:
    query = (
        select(Approval.message_id)
        .join(Message, Message.id == Approval.message_id)
        .where(
            Message.enrollment_id == order.enrollment_id,
            Message.step_id == order.step_id,
            Approval.is_approved,
            Approval.template_digest == order.template_digest,
        )
    )
    return session.scalar(query) is not None


def _held(order: SendInput) -> Later:
    look_at, latest = order.now + LOOK_AFTER * order.shop_speed, latest_of(order)
    if latest is not None:
        look_at = min(look_at, latest + A_MOMENT)
    return Later(reason=HeldBy.MANUAL, until=look_at)
