"""Files of histories are read or named, and what a replay comes to is told in words."""

import gzip
import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from sekvens.flows import interpreter
from sekvens.flows.commands import SleepUntil
from sekvens.replays import files
from sekvens.replays.files import NoSuchHistory, UnreadableHistory
from sekvens.replays.processes import _next, replay_in_processes
from sekvens.replays.replaying import Outcome, Verdict, make_replayer, replay_files
from sekvens.replays.tally import add_up
from sekvens.replays.telling import difference_of, fault_of, subject_of
from tests.replay.recording import HISTORIES
from workflows.registered import WORKFLOWS

WELCOME = HISTORIES / "welcome-buys-on-day-three.v3.json.gz"
#: As the UI gives it with its payloads decoded.
DECODED = json.dumps(
    [
        {
            "eventId": "1",
            "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
            "workflowExecutionStartedEventAttributes": {"input": [{"flow": {"name": "welcome"}}]},
        }
    ]
).encode()
SCAN = HISTORIES / "scheduled" / "audience-scan.json.gz"


async def verdicts_on(*paths: Path) -> list[Verdict]:
    return [verdict async for verdict in replay_files(paths, make_replayer(WORKFLOWS))]


def hasty(decide):
    """An interpreter that forgets to wait."""

    def decide_without_waiting(graph, state, now):
        state, command = decide(graph, state, now)
        while isinstance(command, SleepUntil) and command.until is not None:
            state, command = decide(graph, state, command.until)
        return state, command

    return decide_without_waiting


def verdict(outcome: Outcome, flow: str | None, event_id: int | None = None) -> Verdict:
    path = Path(f"{flow}-{event_id}")
    return Verdict(path=path, outcome=outcome, flow=flow, version=1, event_id=event_id)


def test_files_are_found_by_name_and_in_folders_each_once(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("b.json", "a.json.gz", "notes.txt", "inner/c.json"):
        (tmp_path / name).touch()

    found = files.find([tmp_path, tmp_path / "b.json", tmp_path / "notes.txt"])
    assert [path.name for path in found] == ["a.json.gz", "b.json", "c.json", "notes.txt"]
    with pytest.raises(NoSuchHistory, match=r"missing\.json does not exist"):
        files.find([tmp_path / "missing.json"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no history"),
        (b"[]", "does not begin"),
        (b"7", "no history"),
        (b"{}", "no history"),
        (b'{"events": ["one"]}', "no history"),
        (b"[" * 100_000, "no history"),
        (DECODED, "no history"),
        (b'{"events": 3}', "no history"),
        (b'{"events": []}', "does not begin"),
        (b'{"events": [{"eventId": "9", "eventType": "EVENT_TYPE_TIMER_STARTED"}]}', "cut short"),
        (b"\xff\xfe", "it is no text"),
        (WELCOME.read_bytes()[:500], "it is cut short"),
        (b"\x1f\x8bnonsense that follows", "it cannot be read"),
    ],
)
def test_a_file_that_is_no_history_is_told_why(tmp_path, content, said):
    file = tmp_path / "file.json"
    file.write_bytes(content)

    with pytest.raises(UnreadableHistory, match=said):
        files.read(file)


def test_a_history_is_written_for_its_owner_alone_and_read_back_the_same(tmp_path):
    folder = tmp_path / "kept"
    files.make_folder(folder)
    files.write(folder / "one.json.gz", files.read(WELCOME))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
    assert files.read(folder / "one.json.gz") == files.read(WELCOME)


def test_plain_json_and_a_bare_list_of_events_are_read_as_gzipped_is(tmp_path):
    file = tmp_path / "plain.json"
    file.write_bytes(gzip.decompress(WELCOME.read_bytes()))
    events = tmp_path / "events.json"
    events.write_text(json.dumps(json.loads(file.read_text())["events"]))

    assert files.read(file) == files.read(events) == files.read(WELCOME)


def test_a_history_says_whose_it_is():
    welcome, scan = subject_of(files.read(WELCOME)), subject_of(files.read(SCAN))

    assert (welcome.flow, welcome.version) == ("welcome", 3)
    assert welcome.workflow_id.startswith("welcome/")
    assert (scan.flow, scan.version) == ("audience-scan", None)


def test_a_version_is_read_from_the_search_attribute_where_the_input_is_encrypted():
    history = files.read(WELCOME)
    started = history.events[0].workflow_execution_started_event_attributes
    started.input.payloads[0].data = b"\x00secret"
    started.search_attributes.indexed_fields["FlowVersion"].data = json.dumps("welcome v7").encode()

    assert subject_of(history).version == 7


async def test_a_file_that_cannot_be_read_does_not_stop_the_rest(tmp_path):
    bad, last = tmp_path / "bad.json", tmp_path / "last.json"
    bad.write_text("{")
    last.write_text("{")

    found = await verdicts_on(bad, WELCOME, last, SCAN, bad)
    unreadable, same = Outcome.UNREADABLE, Outcome.SAME
    assert [each.outcome for each in found] == [unreadable, same, unreadable, same, unreadable]
    assert [each.path for each in found] == [bad, WELCOME, last, SCAN, bad]


async def test_a_difference_is_told_with_its_event_in_words(monkeypatch):
    monkeypatch.setattr(interpreter, "decide", hasty(interpreter.decide))

    [found] = await verdicts_on(WELCOME)
    assert (found.outcome, found.flow, found.version) == (Outcome.DIFFERS, "welcome", 3)
    assert found.event_id == 15
    assert found.why is not None
    assert found.why.startswith("the history has timer started (until-day-two: until ")
    assert found.why.endswith("and there today's code orders an activity.")


async def test_an_error_is_told_by_its_kind_and_place_and_not_by_its_text(monkeypatch):
    def broken(*_: object):
        raise LookupError("anna@example.com")

    monkeypatch.setattr(interpreter, "decide", broken)

    [found] = await verdicts_on(WELCOME)
    assert found.outcome is Outcome.FAILS
    assert found.why is not None
    assert found.why.startswith("today's code raises LookupError in broken (")
    assert "anna" not in found.why


def test_code_that_goes_in_circles_is_told_as_that():
    said = 'Failure { message: "[TMPRL1101] …", source: "", ApplicationFailureInfo { r#type: '

    assert "goes in circles" in fault_of(f'{said}"_DeadlockError", …')


@pytest.mark.parametrize(
    ("reason", "event_id", "text"),
    [
        ("Activity type of scheduled event 'a' does not match …", None,
         "Activity type of scheduled event 'a' does not match …."),
        ("No command scheduled for event HistoryEvent(id: 5, TimerStarted)", 5,
         "and there today's code orders nothing."),
        ("Something else about HistoryEvent(id: 5, TimerStarted)", 5,
         "there today's code goes another way: Something else about"),
        ("Timer machine does not handle this event: HistoryEvent(id: 9999, TimerFired)", 9999,
         "there today's code orders a timer."),
    ],
)  # fmt: skip
def test_what_the_sdk_says_of_a_difference_is_put_in_words(reason, event_id, text):
    said = f'Failure {{ message: "[TMPRL1100] Nondeterminism error: {reason}", source: "", rest'

    found = difference_of(files.read(WELCOME), said)
    assert found.event_id == event_id
    assert text in found.text


def test_the_earliest_event_stands_for_its_flow_and_the_gate_is_shut():
    tally = add_up(
        [
            verdict(Outcome.DIFFERS, "welcome"),
            verdict(Outcome.DIFFERS, "welcome", 30),
            verdict(Outcome.FAILS, "welcome", 12),
            verdict(Outcome.SAME, "welcome", 1),
            verdict(Outcome.SAME, "birthday"),
        ]
    )

    birthday, welcome = tally.flows
    assert (birthday.histories, birthday.broken) == (1, [])
    assert (welcome.histories, len(welcome.broken), welcome.first.event_id) == (4, 3, 12)
    assert not tally.is_open


@pytest.mark.parametrize("outcome", [*Outcome])
def test_only_what_is_the_same_leaves_the_gate_open(outcome: Outcome):
    flow = None if outcome is Outcome.UNREADABLE else "welcome"

    assert add_up([verdict(outcome, flow)]).is_open == (outcome is Outcome.SAME)


def test_several_processes_come_to_the_same_verdicts(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{")

    found = list(replay_in_processes([SCAN, bad, WELCOME], WORKFLOWS, processes=2))
    assert {each.path: each.outcome for each in found} == {
        SCAN: Outcome.SAME,
        bad: Outcome.UNREADABLE,
        WELCOME: Outcome.SAME,
    }


def test_a_process_that_says_nothing_for_too_long_is_given_up_and_so_is_one_that_died():
    ours, theirs = multiprocessing.Pipe()

    silent = _next(ours, 0.01)
    theirs.close()
    assert silent == (None, "The replay did not end within 0.01 s.")
    assert _next(ours, 0.01) == (None, "Its process died of the replay.")
