"""How mail has fared over the last days, held against what SES and Gmail bear.

Of the messages that SES took in a period, those of which it has reported a bounce or a complaint
since. Both purposes together, as SES counts; what a shop hears by another way is the breaker's
(`sekvens.reputation.counts`). Nothing is held by these figures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from sekvens.messages.tables import Message
from sekvens.reputation.counts import reported
from sekvens.reputation.rates import Kind


class Receiver(StrEnum):
    """Who judges our mail."""

    SES = "ses"
    GMAIL = "gmail"


class Standing(StrEnum):
    """What a receiver would say of a rate."""

    FINE = "fine"
    HIGH = "high"  #: it looks at the account, or asks for less
    OVER = "over"  #: it may take nothing any more


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From which rates on a receiver minds, from 0 to 1."""

    receiver: Receiver
    kind: Kind
    high: float
    over: float

    def standing(self, share: float | None) -> Standing:
        """Hold a rate against it."""
        if share is None or share < self.high:
            return Standing.FINE
        return Standing.HIGH if share < self.over else Standing.OVER


#: https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-bounce.html and
#: https://support.google.com/a/answer/81126: what Gmail counts it shows in Postmaster Tools alone.
LIMITS: Final = (
    Limit(receiver=Receiver.SES, kind=Kind.BOUNCE, high=0.05, over=0.10),
    Limit(receiver=Receiver.SES, kind=Kind.COMPLAINT, high=0.001, over=0.005),
    Limit(receiver=Receiver.GMAIL, kind=Kind.COMPLAINT, high=0.001, over=0.003),
)


@dataclass(frozen=True, kw_only=True)
class Fared:
    """What became of the messages of one period."""

    accepted: int
    seen: Mapping[Kind, int]  #: messages that bounced, or were complained of

    def share(self, kind: Kind) -> float | None:
        """Tell which part of them did, from 0 to 1; None: SES has taken none."""
        return self.seen[kind] / self.accepted if self.accepted else None


def fared(session: Session, since: Sequence[datetime]) -> list[Fared]:
    """Tell how the messages fared that SES has taken since each of these instants (wall time)."""
    sums = [func.sum(case((Message.accepted_at >= at, 1), else_=0)) for at in since]
    accepted = session.execute(select(*sums).where(Message.accepted_at >= min(since))).one()
    blames = reported(session, since=min(since))
    return [
        Fared(
            accepted=count or 0,
            seen={
                kind: len({b.message_id for b in blames if b.kind == kind and b.accepted_at >= at})
                for kind in Kind
            },
        )
        for at, count in zip(since, accepted, strict=True)
    ]
