"""A life: one contact over all flows at once, from one thing that happens to the next.

The interpreter's third driver. Who enters, what ends an enrollment and what the gate says are
asked of the same rules as in production; only the facts are held in memory. Contacts do not touch
one another, so a population is lived one by one.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from sekvens.flows import interpreter
from sekvens.flows.commands import (
    Ask,
    CarryOut,
    Finish,
    NextLocalTime,
    SendMessage,
    SleepUntil,
)
from sekvens.flows.lots import EVERYTHING, is_held_out
from sekvens.flows.outcomes import Outcome, SkipReason
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.segments.memory import PastEvent
from sekvens.send_time.dates import at_local_time
from sekvens.send_time.local_time import next_local_time
from sekvens.simulator.acts import Belongings
from sekvens.simulator.deeds import carry_out
from sekvens.simulator.entries import Entries
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.moments import Did, Lived, Moment, What
from sekvens.simulator.news import Shelf
from sekvens.simulator.passage import Passage
from sekvens.simulator.questions import ask
from sekvens.simulator.scanning import Scans
from sekvens.simulator.sending import send
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Act, Person, StockChange, When

#: What may be due.
Thing: TypeAlias = Act | PastEvent | Passage | StockChange
#: Of what is due at one instant, facts come first, then scans, then e-mails.
_FACT, _SCAN, _WAKE = range(3)


class Life:
    """One contact's story; `live` is called once."""

    def __init__(self, stage: Stage, person: Person) -> None:
        self.stage = stage
        self.person = person
        self.now = stage.starts
        self.facts = GrowingFacts(
            zone=person.zone,
            traits=person.traits,
            reorder_gap=stage.reorder_gap,
            soft_opt_in=stage.consent.soft_opt_in,
            held_out=is_held_out(EVERYTHING, person.name, stage.holdout),
        )
        self.moments: list[Moment] = []
        self.under_way: list[Passage] = []
        self._events: list[PastEvent] = []
        self._did: list[Did] = []
        self._belongings = Belongings()
        self._shelf = Shelf()
        self.entries = Entries(self)
        self._queue: list[tuple[datetime, int, int, Thing | None]] = []
        self._pushed = count()
        self._scans = Scans(self)
        self._reactions: dict[int | str, list[Act]] = {}
        self._emails: list[Moment] = []

    def live(self) -> Lived:
        """Live it through to the stage's end."""
        for change in self.stage.stock:
            self.push(change.at, change)
        for act in self.person.acts:
            self._await(act)
        for passage in list(self.begins_with()):
            self.under_way.append(passage)
            self.entries.remember(passage.stay)
        self.name_flows()
        for passage in list(self.under_way):
            self.walk(passage)
        self._expect_a_scan()
        while self._queue and self._queue[0][0] <= self.stage.ends:
            self.now, _, _, thing = heapq.heappop(self._queue)
            self._take(thing)
            self._expect_a_scan()
        return Lived(
            person=self.person,
            starts=self.stage.starts,
            moments=self.moments,
            events=self._events,
            did=self._did,
            stays=self.entries.stays,
            never=[act for acts in self._reactions.values() for act in acts],
        )

    def _take(self, thing: Thing | None) -> None:
        if isinstance(thing, Passage):
            self._scans.pass_by(self.now)
            if not thing.is_over and thing.wakes_at == self.now:
                self.walk(thing)
        elif isinstance(thing, Act):
            self._do(thing)
        elif isinstance(thing, PastEvent):
            self.happen(thing)
        elif isinstance(thing, StockChange):
            news = self._shelf.turn(self.facts, thing)
            if news is not None:
                self.happen(news)
        else:
            self._scans.scan()

    def begins_with(self) -> Iterator[Passage]:
        """Go through enrollments that are under way at the start: in a written story, none."""
        return iter(())

    # What happens.

    def _await(self, act: Act) -> None:
        when = act.when
        if when.email is not None:
            self._reactions.setdefault(when.email, []).append(act)
            return
        at = self.stage.starts + when.after
        if when.at is not None:
            day = at.astimezone(ZoneInfo(self.facts.zone)).date()
            at = at_local_time(day, when.at, self.facts.zone)
        self.push(at, act)

    def push(self, at: datetime, thing: Thing) -> None:
        """Let something happen at an instant."""
        rank = _WAKE if isinstance(thing, Passage) else _FACT
        heapq.heappush(self._queue, (at, rank, next(self._pushed), thing))

    def _expect_a_scan(self) -> None:
        at = self._scans.notice()
        if at is not None:
            heapq.heappush(self._queue, (at, _SCAN, next(self._pushed), None))

    def _do(self, act: Act) -> None:
        if self.now >= self.stage.starts:
            self.note(What.DOES, text=act.text or act.verb)
        if act.verb == "move":
            self.facts.move(act.about)
            self._did.append(Did(self.now, "", {"timezone": act.about}))
        elif act.verb == "born":
            self.facts.tell_trait("birthday", act.about)
            self._did.append(Did(self.now, "", {"birthday": act.about}))
        elif act.verb == "click":
            self._click(act)
        else:
            whose = self.person.name
            for name, properties in self._belongings.events_of(act, whose=whose):
                self._do_it(name, properties)

    def _do_it(self, name: str, properties: dict[str, Any]) -> None:
        self._did.append(Did(self.now, name, properties))
        self.happen(PastEvent(name, properties, self.now))

    def _click(self, act: Act) -> None:
        email = next((each for each in self._emails if _is_called(each, act.about)), None)
        if act.about.isdigit() and 0 < int(act.about) <= len(self._emails):
            email = self._emails[int(act.about) - 1]
        if email is not None:
            self._do_it("Email Link Clicked", {"flow": email.flow, "step": email.step})

    def happen(self, event: PastEvent) -> None:
        """Let an event become a fact: it is told to who is under way, then it enrolls.

        In the order in which the relay does it: whether a contact enters is decided before those
        whom the event ends are out, and whoever enters begins when they are.
        """
        self._events.append(event)
        self.facts.happen(event)
        if event.occurred_at < self.stage.starts:
            return
        told = [(each, each.matched(event.name, event.properties)) for each in self.under_way]
        entered = [
            passage
            for graph in self.stage.triggered_by(event.name)
            if graph.flow.is_triggered_by(event.name, event.properties)
            and (passage := self.entries.admit(graph, event)) is not None
        ]
        for passage, keys in told:
            if keys:
                self.tell(passage, keys)
        for passage in sorted(entered, key=_is_marketing):
            self.walk(passage)

    def tell(self, passage: Passage, keys: tuple[str, ...]) -> None:
        """Tell an enrollment that an event fits some of its patterns."""
        passage.seq += 1
        passage.state = interpreter.see(
            passage.graph,
            passage.state,
            f"event-{passage.number}-{passage.seq}",
            keys,
            seq=passage.seq,
            now=self.now,
        )
        self.walk(passage)

    # What an enrollment does.

    def start_later(self, passage: Passage) -> None:
        """Begin an enrollment once what enrolled it has moved on."""
        passage.wakes_at = self.now
        self.push(self.now, passage)

    def walk(self, passage: Passage) -> None:
        """Do what the interpreter says until it waits, or is over."""
        while True:
            passage.state, command = interpreter.decide(passage.graph, passage.state, self.now)
            match command:
                case Finish():
                    self._leave(passage, command.reason)
                    return
                case SleepUntil():
                    self._sleep(passage, command.until)
                    return
                case SendMessage():
                    self._settle(passage, send(self, passage, command))
                case CarryOut():
                    self._settle(passage, carry_out(self, passage, command))
                case Ask():
                    ask(self, passage, command)
                case _:
                    assert_never(command)

    def _leave(self, passage: Passage, reason: ExitReason) -> None:
        if passage.held:  # as the ledger has it: nothing is dropped silently
            skipped = SkipReason.EXITED
            self.note(
                What.SKIPPED, passage.flow, step=passage.held, text=skipped,
                enrollment=passage.number,
            )  # fmt: skip
        passage.stay.exit, passage.stay.ended_at = reason, self.now
        passage.wakes_at = passage.next_send_at = None
        self.under_way.remove(passage)
        self.name_flows()
        self.note(What.LEFT, passage.flow, text=reason, enrollment=passage.number)

    def _sleep(self, passage: Passage, until: datetime | None) -> None:
        passage.wakes_at = until
        if until is not None:
            self.push(until, passage)

    def _settle(self, passage: Passage, outcome: Outcome) -> None:
        passage.state = interpreter.settle(passage.graph, passage.state, outcome, self.now)

    def local_time(self, question: NextLocalTime) -> datetime:
        """Tell when the contact's clock next shows a time."""
        return next_local_time(question.not_before, question.local_time, self.facts.zone)

    def stand_at(self, passage: Passage, step_id: str | None) -> None:
        """Expect the next e-mail from a step on, as the enrollment's row would."""
        passage.next_send_at = self.stage.next_send_at(passage.graph, step_id, self.now)

    # What is remembered.

    def got(self, email: Moment) -> None:
        """Remember an e-mail that was sent, and do what the contact does after it."""
        self._emails.append(email)
        self.moments.append(email)
        for name in (len(self._emails), f"{email.flow}/{email.step}"):
            for act in self._reactions.pop(name, ()):
                self.push(self.now + act.when.after, act._replace(when=_ON_ITS_WAY))

    def note(
        self, what: What, flow: str = "", *, step: str = "", text: str = "", enrollment: int = -1
    ) -> None:
        """Remember a moment."""
        moment = Moment(self.now, what, flow, step, text, enrollment, self.facts.zone)
        self.moments.append(moment)

    def name_flows(self) -> None:
        """Let the facts know in which flows the contact is."""
        self.facts.be_in(frozenset(each.flow for each in self.under_way))


#: An act whose e-mail has come.
_ON_ITS_WAY: Final = When()


def _is_marketing(passage: Passage) -> bool:
    return passage.graph.flow.purpose is Purpose.MARKETING


def _is_called(email: Moment, name: str) -> bool:
    return name == f"{email.flow}/{email.step}"
