"""Replays histories on this checkout, one after another in this process, and gives verdicts.

What is replayed is what a worker registers: the same plugin carries it.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from sekvens.plugin import sekvens_plugin
from sekvens.replays import files
from sekvens.replays.files import UnreadableHistory
from sekvens.replays.telling import difference_of, fault_of, subject_of


class Outcome(StrEnum):
    """What became of a replay."""

    SAME = "same"  #: today's code does what the history has
    DIFFERS = "differs"  #: it does something else: those under way would break
    FAILS = "fails"  #: it raises an error
    HANGS = "hangs"  #: it does not come to an end, or takes its process with it
    UNREADABLE = "unreadable"  #: there is no history to replay


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of the replay of one file."""

    path: Path
    outcome: Outcome
    workflow_id: str | None = None
    flow: str | None = None  #: None: it cannot be told
    version: int | None = None
    event_id: int | None = None  #: the first event that differs, as far as it is known
    why: str | None = None  #: a sentence; None: all is well


def make_replayer(workflows: Sequence[type]) -> Replayer:
    """Make what replays; of failures the verdict tells, and the SDK's log is silent."""
    telemetry = TelemetryConfig(logging=LoggingConfig(filter="OFF"))
    plugin = sekvens_plugin(workflows=workflows)
    return Replayer(workflows=[], plugins=[plugin], runtime=Runtime(telemetry=telemetry))


async def replay_files(paths: Iterable[Path], replayer: Replayer) -> AsyncIterator[Verdict]:
    """Replay files, and give each verdict as soon as it is known, in the order of the files."""
    replayed: list[Path] = []  #: read, and not judged yet
    refused: list[Verdict] = []

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for path in paths:
            try:
                history = files.read(path)
            except UnreadableHistory as error:
                refused.append(_unreadable(path, error))
                continue
            replayed.append(path)
            yield history

    async with replayer.workflow_replay_iterator(histories()) as results:
        async for result in results:
            while refused:
                yield refused.pop(0)
            yield verdict_on(replayed.pop(0), result.history, result.replay_failure)
    for verdict in refused:
        yield verdict


def verdict_on(path: Path, history: WorkflowHistory, failure: Exception | None) -> Verdict:
    """Judge one replay."""
    subject = subject_of(history)
    outcome, event_id, why = Outcome.SAME, None, None
    if isinstance(failure, NondeterminismError):
        difference = difference_of(history, str(failure))
        outcome, event_id, why = Outcome.DIFFERS, difference.event_id, difference.text
    elif failure is not None:
        outcome, why = Outcome.FAILS, fault_of(str(failure))
    return Verdict(
        path=path,
        outcome=outcome,
        workflow_id=subject.workflow_id,
        flow=subject.flow,
        version=subject.version,
        event_id=event_id,
        why=why,
    )


def hanging(path: Path, why: str) -> Verdict:
    """Judge a replay that had to be broken off."""
    try:
        subject = subject_of(files.read(path))
    except UnreadableHistory as error:
        return _unreadable(path, error)
    return Verdict(
        path=path,
        outcome=Outcome.HANGS,
        workflow_id=subject.workflow_id,
        flow=subject.flow,
        version=subject.version,
        why=why,
    )


def _unreadable(path: Path, error: UnreadableHistory) -> Verdict:
    return Verdict(path=path, outcome=Outcome.UNREADABLE, why=str(error))
