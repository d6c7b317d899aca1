"""A sample that leaves out no flow version and no step, however few stand there. Pure.

The same executions make the same sample, so that a gate that rang rings again until it is mended.
"""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of a workflow, as Temporal lists it."""

    workflow_id: str
    run_id: str
    flow: str  #: the workflow's type
    version: str | None  #: as operators see it: `welcome v1`; None: it is no flow
    is_open: bool
    enrollment_id: str | None = None
    step: str | None = None  #: where the database has it; None: nowhere, or it was not asked


class Sample:
    """So many executions of each flow, version, step and state, at the most; None: all."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._strata: dict[tuple[object, ...], list[tuple[int, str, Execution]]] = {}
        self.offered = 0

    def offer(self, execution: Execution) -> None:
        """Take an execution in, if it is among those that its stratum keeps."""
        self.offered += 1
        by = (execution.flow, execution.version, execution.step, execution.is_open)
        stratum = self._strata.setdefault(by, [])
        # The smallest numbers stay; a heap gives up its smallest, so they are turned round.
        entry = (-_number(execution.run_id), execution.run_id, execution)
        if self._most is None or len(stratum) < self._most:
            heapq.heappush(stratum, entry)
        else:
            heapq.heappushpop(stratum, entry)

    @property
    def strata(self) -> int:
        """Tell how many different flows, versions, steps and states there were."""
        return len(self._strata)

    def __len__(self) -> int:
        return sum(map(len, self._strata.values()))

    def __iter__(self) -> Iterator[Execution]:
        for by in sorted(self._strata, key=str):
            yield from (execution for _, _, execution in sorted(self._strata[by], reverse=True))


def _number(run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8])
