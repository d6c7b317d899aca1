"""One enrollment of a story under way, and what the gate asks about it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.tables import SuppressionReason
from sekvens.enrollments.wire import SendInput
from sekvens.events.schema import EMAIL_DELIVERED
from sekvens.flows.conditions import Condition
from sekvens.flows.graph import Graph
from sekvens.flows.state import State, changed
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages.basis import Objection, objection_to
from sekvens.messages.calm import YIELD_MAX, Situation
from sekvens.messages.situation import COUNTED_FOR
from sekvens.segments.memory import holds, kept_orders
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.moments import Stay

#: Any: each field of it is set anew where it is used.
_SITUATION: Final = Situation(zone="UTC")


class Unwritten(State):
    """A state without a journal: nobody reads that of a story, which has its moments."""

    def note(self, now: datetime, text: str) -> "Unwritten":  # noqa: ARG002  as a state has it
        """Write nothing."""
        return self

    def wait_until(self, instant: datetime, now: datetime) -> "Unwritten":  # noqa: ARG002
        """Wait, and do not put into words until when."""
        return changed(self, due_at=instant)


@dataclass(eq=False, kw_only=True)
class Passage:
    """An enrollment under way."""

    number: int  #: among the contact's enrollments, from 0
    graph: Graph
    state: State
    stay: Stay
    rank: int  #: of its flow, where the cap lets only one go
    wakes_at: datetime | None = None
    next_send_at: datetime | None = None  #: as the enrollment's row would say
    held: str = ""  #: the step whose message is held, and has no end yet
    seq: int = 0
    offered: dict[str, datetime] = field(default_factory=dict)  #: offer -> when it was first made

    @property
    def flow(self) -> str:
        """Name its flow."""
        return self.graph.flow.name

    @property
    def is_over(self) -> bool:
        """Tell whether it has ended."""
        return self.stay.exit is not None

    def matched(self, name: str, properties: dict[str, object]) -> tuple[str, ...]:
        """Tell which of its patterns an event fits, by their keys."""
        patterns = self.graph.listens_to(name)
        if not patterns:
            return ()
        return tuple(
            pattern.key
            for pattern in patterns
            if pattern.matches(name, properties, entry_key=self.stay.entry_key)
        )


class InMemory:
    """What a story's facts say to the gate: `sekvens.messages.verdicts.Known`."""

    def __init__(
        self,
        facts: GrowingFacts,
        passage: Passage,
        order: SendInput,
        others: Sequence[Passage],
        consent: ConsentSettings,
    ) -> None:
        self._facts = facts
        self._passage = passage
        self._order = order
        self._others = others
        self._consent = consent

    def exit_reason(self) -> ExitReason | None:
        """Tell why the enrollment is over: an event ends it in the moment in which it happens."""
        return self._passage.stay.exit

    def objection(self) -> Objection | None:
        """Tell what forbids marketing; None: it rests on something."""
        facts = self._facts
        return objection_to(
            self._order,
            status=facts.consent,
            is_by_sale=not facts.has_said,
            has_sold=self._has_sold,
            is_left_out=facts.left_out.__contains__,
            consent=self._consent,
        )

    def _has_sold(self) -> bool:
        since = self._order.now - timedelta(days=self._consent.soft_opt_in_days)
        return bool(kept_orders(self._facts, self._order.now, since + timedelta.resolution))

    def is_reachable(self) -> bool:
        """Tell whether there is an address: everybody in a written story has one."""
        return self._facts.is_reachable

    def suppression(self) -> SuppressionReason | None:
        """Tell why the address must not be mailed."""
        return self._facts.suppressed

    def is_allowed(self) -> bool:
        """Tell whether it may be mailed: a story is told as in production."""
        return True

    def is_held_out(self) -> bool:
        """Tell whether the contact gets no marketing at all: what the lot said, they know."""
        return self._facts.held_out

    def holds(self, conditions: tuple[Condition, ...]) -> bool:
        """Tell whether all of these conditions hold now."""
        facts, key, now = self._facts, self._passage.stay.entry_key, self._order.now
        for each in conditions:  # noqa: SIM110  a loop is quicker
            if not holds(each, facts, now=now, entry_key=key):
                return False
        return True

    def situation(self, latest: datetime | None) -> Situation:
        """Tell the situation that the calm goes by."""
        facts, order = self._facts, self._order
        rests, paused = facts.rests_until, facts.paused_until
        if rests is None or (paused is not None and paused > rests):
            rests = paused
        return changed(
            _SITUATION,
            zone=facts.zone,
            sent=() if order.past_cap else self._sent_lately(),
            ahead=() if order.past_cap else self._ahead(),
            rests_until=rests,
            open_cases=facts.open_cases(order.now),
            past_cap=order.past_cap,
            fewer=facts.fewer,
            latest=latest,
        )

    def _sent_lately(self) -> tuple[datetime, ...]:
        since, received = self._order.now - COUNTED_FOR, self._facts.received
        reported = [
            event.occurred_at
            for event in self._facts.named(EMAIL_DELIVERED)
            if event.occurred_at > since
            and event.properties.get("purpose") != Purpose.TRANSACTIONAL
        ]
        return (*received[bisect_right(received, since) :], *reported)

    def _ahead(self) -> tuple[datetime, ...]:
        since: datetime = self._order.now - YIELD_MAX
        rank = self._passage.rank
        ahead = [
            at
            for other in self._others
            if other.rank < rank and (at := other.next_send_at) is not None and at > since
        ]
        return tuple(ahead)
