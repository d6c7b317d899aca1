"""What is parked, in groups: the same flow, step and reason need the same from a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sekvens.enrollments.tables import Enrollment


@dataclass(frozen=True, kw_only=True)
class ParkedGroup:
    """Enrollments that are parked at one step for one kind of reason, those held longest first."""

    flow: str
    step: str | None
    code: str | None  #: the kind of reason: `offer_pool_empty`
    enrollments: Sequence[Enrollment]

    @property
    def since(self) -> datetime | None:
        """Since when (wall time) the first of them is parked."""
        return self.enrollments[0].parked_at

    @property
    def reason(self) -> str | None:
        """The newest reason, in words; no address."""
        return self.enrollments[-1].parked_reason


def groups_of(parked: Iterable[Enrollment]) -> list[ParkedGroup]:
    """Group what `queries.parked` lists; the group that has been held longest comes first."""
    groups: dict[tuple[str, str | None, str | None], list[Enrollment]] = {}
    for row in parked:
        groups.setdefault((row.flow, row.step_id, row.parked_code), []).append(row)
    return [
        ParkedGroup(flow=flow, step=step, code=code, enrollments=rows)
        for (flow, step, code), rows in groups.items()
    ]
