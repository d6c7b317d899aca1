"""How things stand in the demo, flow by flow: counts of enrollments and of messages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import Message, MessageState
from sekvens.reviews.tables import Review, ReviewState


@dataclass(frozen=True, kw_only=True)
class FlowStanding:
    """How one flow stands."""

    flow: str
    entered: int = 0
    under_way: int = 0
    parked: int = 0
    left: Counter[str] = field(default_factory=Counter)  #: exit reason -> enrollments
    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)  #: skip reason -> messages

    @property
    def completed(self) -> int:
        """Enrollments that came to their last step."""
        return self.left[ExitReason.COMPLETED]

    @property
    def left_early(self) -> Counter[str]:
        """Enrollments that ended before it, by reason."""
        return Counter(
            {why: count for why, count in self.left.items() if why != ExitReason.COMPLETED}
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How everything stands."""

    flows: Sequence[FlowStanding] = ()
    reviews_pending: int = 0
    first_accepted_at: datetime | None = None  #: wall time

    @property
    def entered(self) -> int:
        """Enrollments in all."""
        return sum(flow.entered for flow in self.flows)

    @property
    def under_way(self) -> int:
        """Enrollments that wait for something."""
        return sum(flow.under_way for flow in self.flows)

    @property
    def parked(self) -> int:
        """Enrollments that a person must look at."""
        return sum(flow.parked for flow in self.flows)

    @property
    def completed(self) -> int:
        """Enrollments that came to their last step."""
        return sum(flow.completed for flow in self.flows)

    @property
    def left_early(self) -> int:
        """Enrollments that ended before it."""
        return sum(flow.left_early.total() for flow in self.flows)

    @property
    def sent(self) -> int:
        """Messages that SES took."""
        return sum(flow.sent for flow in self.flows)

    @property
    def skipped(self) -> int:
        """Messages that were not sent, on purpose."""
        return sum(flow.skipped.total() for flow in self.flows)


def read_standing(database: Database, flows: Sequence[str]) -> Standing:
    """Count everything so far, for these flows in this order; a flow not named comes last."""
    enrollments = (
        select(Enrollment.flow, Enrollment.state, Enrollment.exit_reason, func.count())
        .group_by(Enrollment.flow, Enrollment.state, Enrollment.exit_reason)
    )  # fmt: skip
    messages = (
        select(Message.flow, Message.state, Message.skip_reason, func.count())
        .group_by(Message.flow, Message.state, Message.skip_reason)
    )  # fmt: skip
    pending = select(func.count()).where(Review.state == ReviewState.PENDING)
    with database.read() as session:
        entered = [(a, b, c, d) for a, b, c, d in session.execute(enrollments)]
        written = [(a, b, c, d) for a, b, c, d in session.execute(messages)]
        first = session.scalar(select(func.min(Message.accepted_at)))
        reviews_pending = session.scalar(pending) or 0
    names = [*flows, *sorted({row[0] for row in entered} - set(flows))]
    return Standing(
        flows=[_of(name, entered, written) for name in names],
        reviews_pending=reviews_pending,
        first_accepted_at=first,
    )


def _of(
    name: str,
    entered: Sequence[tuple[str, str, str | None, int]],
    written: Sequence[tuple[str, str, str | None, int]],
) -> FlowStanding:
    states, left = Counter[str](), Counter[str]()
    for flow, state, reason, count in entered:
        if flow == name:
            states[state] += count
            if state == EnrollmentState.ENDED:
                left[reason or "unknown"] += count
    sent, skipped = 0, Counter[str]()
    for flow, state, reason, count in written:
        if flow == name and state == MessageState.ACCEPTED:
            sent += count
        elif flow == name and state == MessageState.SKIPPED:
            skipped[reason or "unknown"] += count
    return FlowStanding(
        flow=name,
        entered=states.total(),
        under_way=states[EnrollmentState.ACTIVE],
        parked=states[EnrollmentState.PARKED],
        left=left,
        sent=sent,
        skipped=skipped,
    )
