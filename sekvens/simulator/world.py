"""The world as one scenario has it: it answers questions and decides what becomes of sends.

Both drivers ask the same world, so that a difference between their traces is a difference between
the drivers.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from sekvens.contacts.tables import ConsentStatus
from sekvens.flows.interpreter import NextLocalTime, Question
from sekvens.flows.outcomes import (
    Deferred,
    InDoubt,
    Outcome,
    Parked,
    Sent,
    Skipped,
    SkipReason,
)
from sekvens.flows.steps import ExitReason
from sekvens.segments.memory import ContactFacts, PastEvent, holds
from sekvens.send_time.local_time import next_local_time
from sekvens.simulator.scenario import Scenario, ScenarioEvent

#: What a person on the staff may do in a scenario; every other event is the contact's.
OPERATOR_WORDS = ("retry", "skip", "exit")

DEFERRED_FOR = timedelta(hours=6)
IN_DOUBT_FOR = timedelta(minutes=30)


class World:
    """One scenario's facts, as they grow."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._attempts: Counter[str] = Counter()
        status = ConsentStatus.SUBSCRIBED if scenario.subscribed else ConsentStatus.NEVER_SUBSCRIBED
        self.facts = ContactFacts(
            consent=status,
            traits=dict(scenario.traits),
            events=tuple(
                PastEvent(past.name, {}, scenario.start - past.ago) for past in scenario.past
            ),
        )
        self.sent: list[tuple[datetime, str]] = []

    def happen(self, event: ScenarioEvent, now: datetime) -> None:
        """Let an event become a fact."""
        fact = PastEvent(event.name, event.properties, now)
        self.facts = replace(self.facts, events=(*self.facts.events, fact))

    def answer(self, question: Question, now: datetime) -> tuple[int | None, datetime | None]:
        """Answer a question: a branch's index, or an instant."""
        if isinstance(question, NextLocalTime):
            return None, self._local_time(question)
        for index, condition in enumerate(question.conditions):
            if holds(condition, self.facts, now=now):
                return index, None
        return None, None

    def send(
        self, step_id: str, now: datetime, *, resume: NextLocalTime | None, skip: bool = False
    ) -> Outcome:
        """Decide what becomes of a send: what the scenario says, else it is sent."""
        planned = self._scenario.outcomes.get(step_id, ())
        attempt = self._attempts[step_id]
        self._attempts[step_id] += 1
        resume_at = self._local_time(resume) if resume is not None else None
        kind, _, detail = (planned[attempt] if attempt < len(planned) else "sent").partition(":")
        if skip:
            return Skipped(reason=SkipReason.OPERATOR, resume_at=resume_at)
        match kind:
            case "deferred":
                return Deferred(until=now + DEFERRED_FOR, reason=detail or "quiet_hours")
            case "in_doubt":
                return InDoubt(until=now + IN_DOUBT_FOR)
            case "parked":
                return Parked(reason=detail or "template")
            case "skipped":
                return Skipped(reason=SkipReason(detail), resume_at=resume_at)
            case "left":
                return Skipped(reason=SkipReason.EXITED, exit=ExitReason(detail))
            case "sent":
                self.sent.append((now, step_id))
                return Sent(message_id=f"m-{step_id}", resume_at=resume_at)
            case _:
                raise ValueError(f"scenario: {step_id} has an unknown outcome {kind!r}")

    def _local_time(self, question: NextLocalTime) -> datetime:
        return next_local_time(question.not_before, question.local_time, self._scenario.zone)
