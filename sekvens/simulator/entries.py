"""Who enters which flow: the way in, for one contact of a story."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sekvens.enrollments.enroll import (
    Earlier,
    EntryRefusal,
    asked_at_entry,
    entry_key_of,
    is_in_the_way,
    refusal_by_earlier,
)
from sekvens.flows import interpreter
from sekvens.flows.conditions import Condition
from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph
from sekvens.flows.lots import is_held_out
from sekvens.segments.lasting import lasts_until, soonest
from sekvens.segments.memory import PastEvent, holds
from sekvens.simulator.facts import Stamp
from sekvens.simulator.moments import Stay, What
from sekvens.simulator.passage import Passage

if TYPE_CHECKING:
    from sekvens.simulator.life import Life


class Entries:
    """The enrollments of one life, past and present, and whether there may be another."""

    def __init__(self, life: "Life") -> None:
        self._life = life
        self.stays: list[Stay] = []
        self._earlier: dict[str, list[Stay]] = {}
        #: flow -> at which state of the facts a scan was refused, and until when that stands
        self._answered: dict[str, tuple[Stamp, datetime | None]] = {}
        #: at which state of the facts nobody was found at all, and until when that stands
        self._quiet: tuple[int, datetime | None] = (-1, None)

    def admit(self, graph: Graph, event: PastEvent) -> Passage | None:
        """Let an event enroll the contact, if the flow takes them."""
        flow = graph.flow
        key = entry_key_of(flow, event.properties)
        for each in self._life.under_way:
            if each.flow == flow.name and is_in_the_way(flow, each.stay.entry_key, key):
                return None
        if flow.entry_key is not None and not key:
            refused: EntryRefusal | None = EntryRefusal.NO_ENTRY_KEY
        else:
            refused = self.refusal(graph, key)
        if refused is not None:
            self._life.note(What.REFUSED, graph.flow.name, text=refused)
            return None
        return self.enter(graph, key, event)

    def refusal(self, graph: Graph, key: str | None) -> EntryRefusal | None:
        """Tell why a flow does not take the contact now; None: it does."""
        refused = self._refusal_by_earlier(graph.flow, key)
        if refused is not None:
            return refused
        asked = asked_at_entry(graph.flow, by_scan=False)
        if self._first_failing(asked, key) is not None:
            return EntryRefusal.CONDITIONS
        return EntryRefusal.HOLDOUT if self._is_held_out(graph.flow) else None

    def _is_held_out(self, flow: Flow) -> bool:
        return is_held_out(flow.name, self._life.person.name, flow.holdout)

    def _refusal_by_earlier(self, flow: Flow, key: str | None) -> EntryRefusal | None:
        stays = self._earlier.get(flow.name)
        if not stays:
            return None
        earlier = [
            Earlier(stay.exit is not None, stay.entry_key, stay.started_at) for stay in stays
        ]
        return refusal_by_earlier(flow, earlier, entry_key=key, now=self._life.now)

    def _first_failing(self, asked: tuple[Condition, ...], key: str | None) -> Condition | None:
        facts, now = self._life.facts, self._life.now
        for condition in asked:
            if not holds(condition, facts, now=now, entry_key=key):
                return condition
        return None

    def enter(self, graph: Graph, key: str | None, event: PastEvent | None) -> Passage:
        """Enroll the contact; the first step is not taken yet."""
        flow = graph.flow
        stay = Stay(flow=flow.name, entry_key=key, started_at=self._life.now, trigger=event)
        passage = Passage(
            number=self.numbers,
            graph=graph,
            state=interpreter.start(graph, self._life.now),
            stay=stay,
            rank=self._life.stage.ranks[flow.name],
            next_send_at=self._life.stage.next_send_at(graph, graph.first, self._life.now),
        )
        self.remember(stay)
        self._life.under_way.append(passage)
        self._life.name_flows()
        self._life.note(What.ENTERS, flow.name, enrollment=passage.number)
        return passage

    @property
    def numbers(self) -> int:
        """Count the enrollments so far: the next one's number."""
        return len(self.stays)

    def remember(self, stay: Stay) -> None:
        """Remember an enrollment, by which the flow may not take the contact again."""
        self.stays.append(stay)
        self._earlier.setdefault(stay.flow, []).append(stay)

    def scan(self) -> None:
        """Look for the audiences that the contact is in, where that may have changed."""
        life = self._life
        changes, until = self._quiet
        if changes == life.facts.changes and (until is None or life.now <= until):
            return
        for graph in life.stage.audiences:
            name = graph.flow.name
            stamp = life.facts.stamp(life.stage.asked_about[name])
            known, until = self._answered.get(name, (None, None))
            if known != stamp or (until is not None and life.now > until):
                self._look(graph, stamp, is_asked_again=known == stamp)
        ends = (until for _, until in self._answered.values())
        self._quiet = (life.facts.changes, soonest(ends))

    def _look(self, graph: Graph, stamp: Stamp, *, is_asked_again: bool) -> None:
        """Enroll the contact if the audience of a flow takes them in; else note how long not."""
        flow = graph.flow
        until: datetime | None = None
        refused = self._refusal_by_earlier(flow, None)
        if refused is None:
            failing = self._first_failing(self._life.stage.asked_by_scan[flow.name], None)
            if failing is None and self._is_held_out(flow):
                self._answered[flow.name] = (stamp, None)
                return
            if failing is None:
                self._answered[flow.name] = (stamp, self._life.now)
                self._life.walk(self.enter(graph, None, None))
                return
            # Worth knowing only of who is left alone from one scan to the next.
            until = self._life.now
            if is_asked_again:
                until = lasts_until(failing, self._life.facts, now=self._life.now)
        elif refused is EntryRefusal.REENTRY and flow.reentry.rule == "after":
            last_start = max(stay.started_at for stay in self._earlier[flow.name])
            until = last_start + flow.reentry.gap - timedelta.resolution
        elif refused is EntryRefusal.UNDER_WAY:
            until = self._life.now  # until they leave, whenever that is
        self._answered[flow.name] = (stamp, until)
