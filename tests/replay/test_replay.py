"""What enrollments under way have been told still leads today's code to the same commands."""

import asyncio
import base64
import json
import re

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from sekvens.flows import interpreter
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.commands import SleepUntil
from sekvens.plugin import sekvens_plugin
from sekvens.simulator.scenario import read_scenario
from tests.replay.recording import STORIES, history_of, recorded
from workflows.registered import WORKFLOWS

histories = pytest.mark.parametrize("name", recorded())

#: A replay that is not deterministic can hang for ever instead of failing.
REPLAY_SECONDS_MAX = 120


async def replay(history: WorkflowHistory) -> None:
    replayer = Replayer(workflows=[], plugins=[sekvens_plugin(workflows=WORKFLOWS)])
    await asyncio.wait_for(replayer.replay_workflow(history), REPLAY_SECONDS_MAX)


@histories
async def test_a_recorded_history_replays_on_todays_code(name: str):
    await replay(history_of(name))


def test_every_story_has_a_recorded_history_of_its_flow_s_version():
    versions = {flow.name: flow.version for flow in CATALOGUE}
    flows = {path.stem: read_scenario(path).flow for path in STORIES.glob("*.toml")}

    assert {f"{story}.v{versions[flow]}" for story, flow in flows.items()} <= set(recorded())
    assert {name.rpartition(".v")[0] for name in recorded()} == set(flows)


async def test_the_alarm_rings_when_the_interpreter_forgets_to_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    decide = interpreter.decide

    def hasty(graph, state, now):
        state, command = decide(graph, state, now)
        while isinstance(command, SleepUntil) and command.until is not None:
            state, command = decide(graph, state, command.until)
        return state, command

    monkeypatch.setattr(interpreter, "decide", hasty)

    with pytest.raises(NondeterminismError):
        await replay(history_of("welcome-all-the-way.v1"))


async def test_the_alarm_rings_when_an_exit_rule_is_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interpreter, "see", lambda _graph, state, *_args, **_kw: state)

    with pytest.raises(NondeterminismError):
        await replay(history_of("welcome-buys-on-day-three.v1"))


@histories
def test_a_history_holds_no_address_and_no_name_of_a_person(name: str):
    payloads = re.findall(r'"data": *"([^"]+)"', history_of(name).to_json())
    texts = [base64.b64decode(payload).decode(errors="replace") for payload in payloads]

    assert texts
    assert not [text for text in texts if "@" in text or "first_name" in text]


def test_five_emails_cost_no_more_history_events_than_designed():
    events = json.loads(history_of("welcome-all-the-way.v1").to_json())["events"]
    counted = [event for event in events if "TIME_SKIPPING" not in event["eventType"]]

    assert len(counted) <= 11 * 5 + 11
