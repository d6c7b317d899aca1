"""The past of contacts, lived over one flow as if it had been live: where would they stand today?

In memory alone: the interpreter walks, and events end and restart waits as they would have. It
knows what a story knows (`sekvens.simulator`): other flows are not lived, and facts that leave no
events are as they are today.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph
from sekvens.flows.joining import join
from sekvens.flows.state import State
from sekvens.flows.steps import ExitReason
from sekvens.segments.memory import PastEvent
from sekvens.settings import Settings
from sekvens.simulator.life import Life
from sekvens.simulator.moments import Stay, What
from sekvens.simulator.passage import Passage
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Story
from sekvens.simulator.today import Today


class Place(StrEnum):
    """Where a backfill lets contacts in."""

    START = "start"  #: at the first step, as if triggered today
    SCHEDULE = "schedule"  #: at the step at which they would stand today


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A contact who would enter, for one entry key."""

    contact_id: str
    entry_key: str | None
    trigger: PastEvent
    step_id: str | None  #: where they begin
    state: State | None  #: None: at the first step
    next_send_at: datetime | None  #: shop time, an estimate; None: from the start, or none is known


@dataclass(frozen=True, kw_only=True)
class Left:
    """An entry that would be over by now, or would not have been, and why."""

    why: str


def stage_of(flow: Flow, settings: Settings, *, since: datetime, now: datetime) -> Stage:
    """Set the stage of the past: one flow, from `since` to `now` (shop time)."""
    story = Story(name="past", about="", starts=since, days=0)
    return replace(set_stage(story, settings, [flow]), ends=now)


def look_back(stage: Stage, today: Today, place: Place) -> list[Candidate | Left]:
    """Live a contact's past; tell of each entry key what would have become of its newest entry."""
    past = _Past(stage, today)
    lived = past.live()
    newest: dict[str | None, Stay] = {stay.entry_key: stay for stay in lived.stays}
    if not newest:
        refused = [moment.text for moment in lived.moments if moment.what is What.REFUSED]
        return [Left(why=refused[-1])] if refused else []
    ordered = sorted(newest.values(), key=lambda stay: stay.started_at, reverse=True)
    return [past.outcome_of(stay, place) for stay in ordered]


class _Past(Life):
    """A contact's life since then, as it was."""

    def __init__(self, stage: Stage, today: Today) -> None:
        super().__init__(stage, today.person)
        self._today = today

    def begins_with(self) -> Iterator[Passage]:
        # What holds a contact's mail today held none of it then; the gate asks when it is real.
        self._today.tell_who(self.facts)
        for event in sorted(self._today.events, key=lambda event: event.occurred_at):
            if event.occurred_at < self.stage.starts:
                self.facts.happen(event)
            else:
                self.push(event.occurred_at, event)
        return iter(())

    def outcome_of(self, stay: Stay, place: Place) -> Candidate | Left:
        passage = next((each for each in self.under_way if each.stay is stay), None)
        if passage is None and (place is Place.SCHEDULE or stay.exit is not ExitReason.COMPLETED):
            return Left(why=str(stay.exit))
        [graph] = self.stage.graphs
        ended = self._ended(graph, stay)
        if ended is not None:
            return Left(why=str(ended))
        if stay.trigger is None:
            raise AssertionError("only an event starts a passage of the past")
        is_at_place = passage is not None and place is Place.SCHEDULE
        state = join(graph, passage.state, self.stage.ends) if passage and is_at_place else None
        return Candidate(
            contact_id=self.person.name,
            entry_key=stay.entry_key,
            trigger=stay.trigger,
            step_id=state.step if state else graph.first,
            state=state,
            next_send_at=passage.next_send_at if passage and is_at_place else None,
        )

    def _ended(self, graph: Graph, stay: Stay) -> ExitReason | None:
        """Tell whether an exit rule fits something that has happened since the trigger."""
        since = (event for event in self._events if event.occurred_at >= stay.started_at)
        return next(filter(None, (_exit(graph, event, stay) for event in since)), None)


def _exit(graph: Graph, event: PastEvent, stay: Stay) -> ExitReason | None:
    if event is stay.trigger:
        return None
    for rule in graph.exit_rules():
        if rule.pattern.matches(event.name, event.properties, entry_key=stay.entry_key):
            return rule.reason
    return None
