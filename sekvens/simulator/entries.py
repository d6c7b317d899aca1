"""Who enters which flow: the way in, for one contact of a story."""

from datetime import timedelta
from typing import TYPE_CHECKING

from sekvens.enrollments.enroll import (
    Earlier,
    EntryRefusal,
    entry_key_of,
    is_in_the_way,
    refusal_by_earlier,
)
from sekvens.flows import interpreter
from sekvens.flows.conditions import Condition
from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph
from sekvens.flows.lots import is_held_out
from sekvens.segments.lasting import Lasting, being_in, lasting
from sekvens.segments.memory import PastEvent, holds
from sekvens.simulator.moments import Stay, What
from sekvens.simulator.passage import Passage, Unwritten

if TYPE_CHECKING:
    from sekvens.simulator.life import Life


class Entries:
    """The enrollments of one life, past and present, and whether there may be another."""

    def __init__(self, life: "Life") -> None:
        self._life = life
        self.stays: list[Stay] = []
        self._earlier: dict[str, list[Stay]] = {}

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

    def found(self, graph: Graph) -> Passage | Lasting:
        """Let a scan enroll the contact; else tell for how long it need not look again."""
        flow = graph.flow
        refused = self._refusal_by_earlier(flow, None)
        if refused is EntryRefusal.UNDER_WAY:
            return Lasting(answer=False, until=None, unless=frozenset({being_in(flow.name)}))
        if refused is EntryRefusal.REENTRY:
            again = None
            if flow.reentry.rule == "after":
                last_start = max(stay.started_at for stay in self._earlier[flow.name])
                again = last_start + flow.reentry.gap - timedelta.resolution
            return Lasting(answer=False, until=again, unless=frozenset())
        failing = self._first_failing(self._life.stage.asked_by_scan[flow.name], None)
        if failing is not None:
            return lasting(failing, self._life.facts, now=self._life.now)
        if self._is_held_out(flow):
            return Lasting(answer=False, until=None, unless=frozenset())
        return self.enter(graph, None, None)

    def refusal(self, graph: Graph, key: str | None) -> EntryRefusal | None:
        """Tell why a flow does not take the contact now; None: it does."""
        refused = self._refusal_by_earlier(graph.flow, key)
        if refused is not None:
            return refused
        asked = self._life.stage.asked_by_event[graph.flow.name]
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
            state=interpreter.start(graph, self._life.now, Unwritten),
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
