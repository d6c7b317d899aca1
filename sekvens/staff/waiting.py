"""What waits for a person: counted for the first page that the staff sees."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sekvens.approvals.waiting import WHY as AWAITS_APPROVAL
from sekvens.enrollments import parking, queries
from sekvens.flows.steps import Purpose
from sekvens.reviews.queries import pending_count

#: Kinds of reasons; what comes after them is for the command line.
SHOWN_MAX = 10


@dataclass(frozen=True, kw_only=True)
class ParkedHere:
    """Enrollments that are parked at one step for one kind of reason."""

    flow: str
    step: str
    reason: str
    number: int
    since: datetime | None  #: wall time


@dataclass(frozen=True, kw_only=True)
class HeldMail:
    """Order mail that waits for one reason; what waits for an approval is counted as that."""

    reason: str | None  #: None: about to be tried
    in_doubt: bool
    number: int
    since: datetime | None  #: wall time


@dataclass(frozen=True, kw_only=True)
class WaitingForPeople:
    """Everything that no machine can settle."""

    parked: tuple[ParkedHere, ...]
    parked_count: int
    held: tuple[HeldMail, ...]
    held_count: int
    reviews_count: int

    @property
    def is_nothing(self) -> bool:
        """Whether nobody need do anything."""
        return not (self.parked_count or self.held_count or self.reviews_count)


def waiting_for_people(session: Session, *, now: datetime) -> WaitingForPeople:
    """Count what waits at `now` (wall time)."""
    parked = sorted(parking.groups(session), key=lambda group: -group.enrollments)
    held = [
        one
        for one in queries.waiting_by_reason(session, now=now)
        if one.purpose == Purpose.TRANSACTIONAL and one.why != AWAITS_APPROVAL
    ]
    return WaitingForPeople(
        parked=tuple(
            ParkedHere(
                flow=each.flow,
                step=each.step or "-",
                reason=each.code or "-",
                number=each.enrollments,
                since=each.since,
            )
            for each in parked[:SHOWN_MAX]
        ),
        parked_count=sum(each.enrollments for each in parked),
        held=tuple(
            HeldMail(reason=one.why, in_doubt=one.in_doubt, number=one.messages, since=one.since)
            for one in held[:SHOWN_MAX]
        ),
        held_count=sum(one.messages for one in held),
        reviews_count=pending_count(session),
    )
