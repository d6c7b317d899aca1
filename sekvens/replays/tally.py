"""Verdicts added up by flow and version; whether the gate is open. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sekvens.replays.replaying import Outcome, Verdict

#: What those under way would break of.
BREAKS = (Outcome.DIFFERS, Outcome.FAILS, Outcome.HANGS)


@dataclass(kw_only=True)
class FlowTally:
    """What became of the histories of one flow version."""

    flow: str
    version: int | None
    histories: int = 0
    broken: list[Verdict] = field(default_factory=list)

    @property
    def first(self) -> Verdict:
        """The one that breaks at the earliest event; where none is told of, any."""
        return min(self.broken, key=lambda one: (one.event_id is None, one.event_id or 0))


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of all."""

    flows: Sequence[FlowTally]  #: by name and version
    unreadable: Sequence[Verdict]

    @property
    def histories(self) -> int:
        """Tell how many there were, those that cannot be read included."""
        return sum(each.histories for each in self.flows) + len(self.unreadable)

    @property
    def is_open(self) -> bool:
        """Tell whether every one was replayed, and went the same way."""
        return not self.unreadable and not any(each.broken for each in self.flows)


def add_up(verdicts: Iterable[Verdict]) -> Tally:
    """Add verdicts up, in whatever order they came."""
    flows: dict[tuple[str, int], FlowTally] = {}
    unreadable = []
    for verdict in sorted(verdicts, key=lambda one: one.path):
        if verdict.flow is None:
            unreadable.append(verdict)
            continue
        key = (verdict.flow, verdict.version or 0)
        tally = flows.setdefault(key, FlowTally(flow=verdict.flow, version=verdict.version))
        tally.histories += 1
        if verdict.outcome in BREAKS:
            tally.broken.append(verdict)
    return Tally(flows=[flows[key] for key in sorted(flows)], unreadable=unreadable)
