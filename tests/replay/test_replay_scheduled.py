"""What a scan under way has been told still leads today's code to the same commands."""

import asyncio

import pytest
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from sekvens.audiences import names
from sekvens.plugin import sekvens_plugin
from tests.replay.recording_scheduled import HISTORIES, RUNS, history_of
from tests.replay.test_replay import REPLAY_SECONDS_MAX
from workflows.registered import WORKFLOWS


async def replay(name: str) -> None:
    replayer = Replayer(workflows=[], plugins=[sekvens_plugin(workflows=WORKFLOWS)])
    await asyncio.wait_for(replayer.replay_workflow(history_of(name)), REPLAY_SECONDS_MAX)


@pytest.mark.parametrize("name", RUNS)
async def test_a_recorded_history_of_scheduled_work_replays(name: str):
    await replay(name)


def test_each_history_that_is_kept_is_replayed():
    assert {path.name.removesuffix(".json.gz") for path in HISTORIES.iterdir()} == set(RUNS)


async def test_the_alarm_rings_when_an_activity_is_renamed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names, "SCAN_ACTIVITY", "scan_everybody")

    with pytest.raises(NondeterminismError):
        await replay("audience-scan")
