"""What became of a message after SES took it: a state beside the ledger's, which never moves back.

Reports come late, twice and in any order. So the state is the strongest of all that was ever
reported, whichever came first: every pair of states has one that stays, and a story that says why.
The ledger's own state is not touched by any of it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.feedback.kinds import ReportKind
from sekvens.feedback.reading import Report
from sekvens.feedback.tables import MessageFate


class FateState(StrEnum):
    """What became of a message, from the weakest to the strongest. Persisted."""

    DELAYED = "delayed"  #: SES tries again
    SOFT_BOUNCED = "soft_bounced"  #: SES has given it up; the address may be good
    FAILED = "failed"  #: it did not arrive, and the fault is ours
    REJECTED = "rejected"  #: SES found a virus in it
    DELIVERED = "delivered"  #: the receiving server took it
    BOUNCED = "bounced"  #: the address is not to be mailed again
    COMPLAINED = "complained"  #: the reader called it spam


_RANKS: Final = {state: rank for rank, state in enumerate(FateState)}

_DELAYED, _SOFT, _FAILED = FateState.DELAYED, FateState.SOFT_BOUNCED, FateState.FAILED
_REJECTED, _DELIVERED = FateState.REJECTED, FateState.DELIVERED
_BOUNCED, _COMPLAINED = FateState.BOUNCED, FateState.COMPLAINED

#: (what yields, what stays), whichever of the two is reported first.
STORIES: Final[Mapping[tuple[FateState, FateState], str]] = MappingProxyType(
    {
        (_DELAYED, _SOFT): "SES tried for hours and gave up.",
        (_DELAYED, _FAILED): "The first server was away, and the next one refused us.",
        (_DELAYED, _REJECTED): "A scan took its time; SES never hands on what it rejects.",
        (_DELAYED, _DELIVERED): "A later try came through; the news of the delay may be slower.",
        (_DELAYED, _BOUNCED): "The receiving server came back, and knew no such address.",
        (_DELAYED, _COMPLAINED): "It arrived in the end, and was not welcome.",
        (_SOFT, _FAILED): "One server had no room, another refused us: we mend what is ours.",
        (_SOFT, _REJECTED): "Both cannot be of one try; the rejection is about what we wrote.",
        (_SOFT, _DELIVERED): "It arrived, and an out-of-office reply came back, which SES reports "
        "as a soft bounce.",
        (_SOFT, _BOUNCED): "The mailbox was full at the first try and gone at the second.",
        (_SOFT, _COMPLAINED): "Their auto-reply came back first, and then they read it.",
        (_FAILED, _REJECTED): "Both are ours to mend; a virus is the graver.",
        (_FAILED, _DELIVERED): "The first try was refused because of us, and the second arrived.",
        (_FAILED, _BOUNCED): "A second try, which was not refused, found no such address.",
        (_FAILED, _COMPLAINED): "A second try arrived, and was not welcome.",
        (_REJECTED, _DELIVERED): "It was sent twice (flagged), and the second was clean.",
        (_REJECTED, _BOUNCED): "It was sent twice (flagged), and the second found no address.",
        (_REJECTED, _COMPLAINED): "It was sent twice (flagged), and the second was not welcome.",
        (_DELIVERED, _BOUNCED): "The server took it, looked for the mailbox later, and sent it "
        "back; a delivery that is told after the bounce is older news.",
        (_DELIVERED, _COMPLAINED): "It arrived, and its reader called it spam, which may be told "
        "first.",
        (_BOUNCED, _COMPLAINED): "A forwarded copy was called spam after the mailbox had gone, or "
        "before.",
    }
)

_STATES: Final = {
    ReportKind.DELAYED: FateState.DELAYED,
    ReportKind.SOFT_BOUNCED: FateState.SOFT_BOUNCED,
    ReportKind.FAILED: FateState.FAILED,
    ReportKind.REJECTED: FateState.REJECTED,
    ReportKind.DELIVERED: FateState.DELIVERED,
    ReportKind.BOUNCED: FateState.BOUNCED,
    ReportKind.COMPLAINED: FateState.COMPLAINED,
}


def state_of(kind: ReportKind) -> FateState | None:
    """Tell which state a report of this kind means; None: it says nothing of the message's fate."""
    return _STATES.get(kind)


def stronger(a: FateState, b: FateState) -> FateState:
    """Tell which of two states stays."""
    return max(a, b, key=_RANKS.__getitem__)


def record_fate(session: Session, report: Report) -> None:
    """Write down what a report on a message of our ledger comes to, whatever came before.

    The caller holds the message's row.
    """
    state = state_of(report.kind)
    if state is None or report.message_id is None:
        return
    fate = session.get(MessageFate, report.message_id)
    if fate is None:
        session.add(
            MessageFate(
                message_id=report.message_id,
                state=state,
                detail=report.detail,
                at=report.at,
                address_hash=report.address_hash,
            )
        )
    else:
        _strengthen(fate, state, report)
    session.flush()


def soft_bounces_in_a_row(session: Session, address_hash: str) -> int:
    """Count the soft bounces of an address since anything was last delivered there."""
    delivered = (
        select(func.max(MessageFate.at))
        .where(MessageFate.address_hash == address_hash, MessageFate.state == FateState.DELIVERED)
        .scalar_subquery()
    )
    query = select(func.count()).where(
        MessageFate.address_hash == address_hash,
        MessageFate.state == FateState.SOFT_BOUNCED,
        delivered.is_(None) | (MessageFate.at > delivered),
    )
    return session.scalar(query) or 0


def _strengthen(fate: MessageFate, state: FateState, report: Report) -> None:
    present = FateState(fate.state)
    known = [each for each in (fate.address_hash, report.address_hash) if each]
    fate.address_hash = min(known, default=None)
    if state == present:
        # Of two that say the same the older stays, so that no order matters.
        if (report.at, report.detail or "") < (fate.at, fate.detail or ""):
            fate.at, fate.detail = report.at, report.detail
    elif stronger(present, state) == state:
        fate.state, fate.detail, fate.at = state, report.detail, report.at
