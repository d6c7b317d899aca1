"""What a history says of itself, and why it does not replay, in words. Pure.

Of what fails only the kind and the place are told: an error's text may hold anything.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from sekvens.enrollments import names

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: How the SDK tells of a difference: https://github.com/temporalio/rules TMPRL1100.
_DIFFERENCE = re.compile(r'Nondeterminism error: (.*?)", source: ', re.DOTALL)
_EVENT = re.compile(r"HistoryEvent\(id: (\d+), \w+\)")
_MACHINE = re.compile(r"^(\w+) machine does not handle this event")
_FAULT = re.compile(r'Failure \{ message: "(.*?)", source: ', re.DOTALL)
_KIND = re.compile(r'ApplicationFailureInfo \{ r#type: "(\w*)"')
_PLACE = re.compile(r'File \\"([^"\\]+)\\", line (\d+), in (\w+)')


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose history it is."""

    workflow_id: str
    flow: str  #: the workflow's type: a flow's name, or that of scheduled work
    version: int | None  #: the flow's version; None: it is no flow, or cannot be told


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where today's code leaves a history."""

    event_id: int | None  #: the first event that differs; None: Temporal does not say
    text: str


def subject_of(history: WorkflowHistory) -> Subject:
    """Tell whose history it is."""
    started = history.events[0].workflow_execution_started_event_attributes
    flow = started.workflow_type.name
    version = _pinned_version(started.input.payloads[0].data) if started.input.payloads else None
    attributes = started.search_attributes.indexed_fields
    if version is None and names.FLOW_VERSION in attributes:  # its input may be encrypted
        _, _, number = str(_json(attributes[names.FLOW_VERSION].data)).rpartition(" v")
        version = int(number) if number.isdecimal() else None
    return Subject(workflow_id=history.workflow_id, flow=flow, version=version)


def difference_of(history: WorkflowHistory, said: str) -> Difference:
    """Put in words what the SDK says of a history that today's code does not follow."""
    found = _DIFFERENCE.search(said)
    reason = found[1] if found else said.splitlines()[0]
    event_id = int(at[1]) if (at := _EVENT.search(reason)) else None
    if event_id is None:
        return Difference(event_id=None, text=f"{reason}.")
    events = {event.event_id: event for event in history.events}
    told = f"the history has {in_words(events[event_id])}" if event_id in events else "-"
    machine = _MACHINE.match(reason)
    instead = f"today's code orders {_kind(machine[1])}" if machine else _plainly(reason)
    return Difference(event_id=event_id, text=f"{told}, and there {instead}.")


def fault_of(said: str) -> str:
    """Put in words that today's code raised an error in a replay: its kind and its place."""
    kind = found[1] if (found := _KIND.search(said)) else ""
    if kind == "_DeadlockError":
        return (
            "today's code came to no decision within two seconds: it goes in circles, or this "
            "machine is too busy (try again, with --jobs 1)."
        )
    places = [place for place in _PLACE.findall(said) if "/lib/python3" not in place[0]]
    if not places:  # the SDK's own words, which quote nothing
        message = found[1] if (found := _FAULT.search(said)) else said.splitlines()[0]
        return f"{message.splitlines()[0]}."
    file, line, function = places[-1]
    return f"today's code raises {kind or 'an error'} in {function} ({file}, line {line})."


def in_words(event: HistoryEvent) -> str:
    """Tell what an event is, with its summary: `timer started (settle: until …)`."""
    name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
    said = name.lower().replace("_", " ")
    summary = _json(event.user_metadata.summary.data)
    return f"{said} ({summary})" if isinstance(summary, str) and summary else said


def _plainly(reason: str) -> str:
    if reason.startswith("No command scheduled"):
        return "today's code orders nothing"
    return f"today's code goes another way: {reason}"


def _kind(machine: str) -> str:
    """Tell what the SDK calls one of its machines: `UpsertSearchAttributes`."""
    words = _WORD.sub(" ", machine).lower()
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _pinned_version(data: bytes) -> int | None:
    pinned = _json(data)
    flow = pinned.get("flow") if isinstance(pinned, dict) else None
    version = flow.get("version") if isinstance(flow, dict) else None
    return version if isinstance(version, int) else None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
