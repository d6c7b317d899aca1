"""The world as one scenario has it: it answers questions and decides what becomes of sends.

Both drivers ask the same world, so that a difference between their traces is a difference between
the drivers.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from sekvens.contacts.tables import ConsentStatus
from sekvens.flows.commands import (
    NextBestTime,
    NextDate,
    NextLocalTime,
    Question,
    WhichBranch,
    WhichVariant,
)
from sekvens.flows.conditions import Condition, Subscribed
from sekvens.flows.graph import Graph
from sekvens.flows.outcomes import (
    Deferred,
    Done,
    InDoubt,
    Outcome,
    Parked,
    Sent,
    Skipped,
    SkipReason,
)
from sekvens.flows.steps import (
    Deed,
    ExitReason,
    Purpose,
    Send,
    SetTrait,
)
from sekvens.segments.dealings import Goods
from sekvens.segments.figures import Foretold
from sekvens.segments.memory import ContactFacts, Need, PastEvent, holds
from sekvens.send_time.best import fixed_time
from sekvens.send_time.local_time import next_local_time
from sekvens.send_time.quiet_hours import NEVER_QUIET
from sekvens.simulator.dates import next_date
from sekvens.simulator.scenario import Scenario, ScenarioEvent

#: What a person on the staff may do in a scenario; every other event is the contact's.
OPERATOR_WORDS = ("retry", "skip", "exit")

#: What these events make of the contact's consent to marketing.
CONSENT_BY_EVENT = {
    "Email Subscribed": ConsentStatus.SUBSCRIBED,
    "Unsubscribed": ConsentStatus.UNSUBSCRIBED,
}

DEFERRED_FOR = timedelta(hours=6)
IN_DOUBT_FOR = timedelta(minutes=30)


class World:
    """One scenario's facts, as they grow."""

    def __init__(self, scenario: Scenario, graph: Graph) -> None:
        self._scenario = scenario
        self._graph = graph
        self._attempts: Counter[str] = Counter()
        self._offered: dict[str, datetime] = {}  # offer -> when an e-mail first made it
        self.entry_key = scenario.entry_key
        status = ConsentStatus.SUBSCRIBED if scenario.subscribed else ConsentStatus.NEVER_SUBSCRIBED
        self.facts = ContactFacts(
            consent=status,
            traits=dict(scenario.traits),
            events=tuple(
                PastEvent(past.name, past.properties, scenario.start - past.ago)
                for past in scenario.past
            ),
            cart=scenario.cart,
            needs=tuple(
                Need(product, scenario.start + due, scenario.start)
                for product, due in scenario.needs.items()
            ),
            zone=scenario.zone,
            next_order=None
            if scenario.next_order is None
            else Foretold(scenario.start, scenario.start + scenario.next_order),
            figures=scenario.figures,
            goods={name: Goods(name, category) for name, category in scenario.categories.items()},
        )
        self.sent: list[tuple[datetime, str]] = []

    def happen(self, event: ScenarioEvent, now: datetime) -> None:
        """Let an event become a fact."""
        fact = PastEvent(event.name, event.properties, now)
        consent = CONSENT_BY_EVENT.get(event.name, self.facts.consent)
        self.facts = replace(self.facts, events=(*self.facts.events, fact), consent=consent)

    def answer(self, question: Question, now: datetime) -> tuple[int | None, datetime | None]:
        """Answer a question: a branch's index, or an instant."""
        match question:
            case NextLocalTime():
                return None, self._local_time(question)
            case NextBestTime():
                return None, fixed_time(question, NEVER_QUIET, self._scenario.zone)
            case NextDate():
                return None, self._date(question)
            case WhichVariant():
                names = [variant.name for variant in question.step.variants]
                return names.index(self._scenario.variants.get(question.step.id, names[0])), None
            case WhichBranch():
                holding = (self._holds(condition, now) for condition in question.conditions)
                return next((index for index, holds in enumerate(holding) if holds), None), None

    def carry_out(self, deed: Deed, now: datetime, *, skip: bool = False) -> Outcome:
        """Decide what becomes of a step that sends nothing: done, unless the scenario differs."""
        kind, detail = self._planned(deed.id, "done")
        if skip:
            return Done(text="skipped")
        if kind == "done":
            if isinstance(deed, SetTrait):
                traits = {**self.facts.traits, deed.trait: deed.value}
                self.facts = replace(self.facts, traits=traits)
            return Done(text=detail or "done")
        return _held_up(kind, detail, deed.id, now)

    def send(
        self, step_id: str, now: datetime, *, resume: NextLocalTime | None, skip: bool = False
    ) -> Outcome:
        """Decide what becomes of a send: what the scenario says, else it is sent."""
        kind, detail = self._planned(step_id, "sent")
        resume_at = self._local_time(resume) if resume is not None else None
        if skip:
            return Skipped(reason=SkipReason.OPERATOR, resume_at=resume_at)
        refused = self._refused(step_id, now, resume_at)
        if refused is not None:
            return refused
        match kind:
            case "skipped":
                return Skipped(reason=SkipReason(detail), resume_at=resume_at)
            case "left":
                return Skipped(reason=SkipReason.EXITED, exit=ExitReason(detail))
            case "sent":
                self._note_sent(step_id, now)
                return Sent(message_id=f"m-{step_id}", resume_at=resume_at)
            case _:
                return _held_up(kind, detail, step_id, now)

    def _refused(self, step_id: str, now: datetime, resume_at: datetime | None) -> Skipped | None:
        """Ask again what the gate asks again: who may enter, and what the flow stays for."""
        flow, step = self._graph.flow, self._graph.steps[step_id]
        wished = isinstance(step, Send) and flow.purpose_of(step) is Purpose.MARKETING
        for condition in flow.entry:
            asked = wished or not isinstance(condition, Subscribed)
            if asked and not self._holds(condition, now):
                return Skipped(reason=SkipReason.FILTER, resume_at=resume_at)
        if not all(self._holds(condition, now) for condition in flow.stay_while):
            return Skipped(reason=SkipReason.FILTER, exit=ExitReason.NO_LONGER_MATCHES)
        return None

    def _note_sent(self, step_id: str, now: datetime) -> None:
        self.sent.append((now, step_id))
        step = self._graph.steps[step_id]
        if isinstance(step, Send) and step.offer:
            self._offered.setdefault(step.offer, now)
        if isinstance(step, Send) and self._graph.flow.purpose_of(step) is Purpose.MARKETING:
            self.facts = replace(self.facts, received=(*self.facts.received, now))

    def _planned(self, step_id: str, otherwise: str) -> tuple[str, str]:
        planned = self._scenario.outcomes.get(step_id, ())
        attempt = self._attempts[step_id]
        self._attempts[step_id] += 1
        kind, _, detail = (planned[attempt] if attempt < len(planned) else otherwise).partition(":")
        return kind, detail

    def _holds(self, condition: Condition, now: datetime) -> bool:
        since = now - self._scenario.start
        gone = (product for product, at in self._scenario.sold_out.items() if at <= since)
        dearer = (product for product, at in self._scenario.raised.items() if at <= since)
        facts = replace(self.facts, sold_out=frozenset(gone), raised=frozenset(dearer))
        return holds(condition, facts, now=now, entry_key=self.entry_key)

    def _date(self, question: NextDate) -> datetime | None:
        return next_date(
            question, self.facts, entry_key=self.entry_key, offer_ends=self._offer_ends
        )

    def _offer_ends(self, offer: str) -> datetime | None:
        made, lasts = self._offered.get(offer), self._scenario.offers.get(offer)
        return None if made is None or lasts is None else made + lasts

    def _local_time(self, question: NextLocalTime) -> datetime:
        return next_local_time(question.not_before, question.local_time, self._scenario.zone)


def _held_up(kind: str, detail: str, step_id: str, now: datetime) -> Outcome:
    """Tell what holds a step up, by the word that a scenario has for it."""
    match kind:
        case "deferred":
            return Deferred(until=now + DEFERRED_FOR, reason=detail or "quiet_hours")
        case "in_doubt":
            return InDoubt(until=now + IN_DOUBT_FOR)
        case "parked":
            return Parked(reason=detail or "template")
        case _:
            raise ValueError(f"scenario: {step_id} has an unknown outcome {kind!r}")
