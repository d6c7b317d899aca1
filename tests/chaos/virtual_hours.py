"""A shop whose hours pass in moments: the product's own code for everything but the hours.

Ingest, relay, interpreter, orders, sender, gate, ledger and quick activities are those of the
product. What stands in for Temporal is a list of who sleeps until when; the clock jumps from one
due instant to the next. What stands in for SES is the test's choice.
"""

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from sqlalchemy import func, select

from activities.enrollments import EnrollmentActivities
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments import publish, standing
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.testing import FakeExecution, FakeTemporal
from sekvens.enrollments.wire import CarryOutInput, SendInput
from sekvens.errors import SekvensError
from sekvens.events.ingest import ingest
from sekvens.events.parse import read_batch
from sekvens.events.relay import Relay
from sekvens.feedback.evidence import Evidence
from sekvens.feedback.poller import FeedbackPoller
from sekvens.feedback.probe import Prober
from sekvens.feedback.testing import FakeQueue, event_body
from sekvens.flows import interpreter
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.order_updates import ORDER_UPDATES
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.codec import from_json
from sekvens.flows.commands import Ask, CarryOut, Finish, SendMessage, SleepUntil
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.outcomes import Outcome
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.state import State
from sekvens.messages import templates
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.messages.tables import Message
from sekvens.sections import FeedbackSettings, SendingSettings
from sekvens.send_time.choosing import BestTimes
from sekvens.send_time.quiet_hours import NEVER_QUIET
from sekvens.send_time.section import SendTimeSettings
from sekvens.ses.taking import Ses
from sekvens.webhooks.caller import WebhookCaller
from tests.unit.composing import sample_shop
from tests.unit.sending import API, NO_CALM
from workflows import orders

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
#: Order mail, reminders, and mail of neither kind.
FLOWS = (ORDER_UPDATES, CART_ABANDONMENT, WELCOME)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of SES."""

    at: datetime  #: virtual time
    message_id: str
    answer: str  #: `accepted`, or the name of the error
    is_probe: bool


class WatchedSes:
    """Any SES, with a list of what it was asked and when; out of order while `outage` says so."""

    def __init__(self, ses: Ses, clock: FrozenClock) -> None:
        self.calls: list[Call] = []
        #: raises what SES answers at this moment, or nothing if all is well
        self.outage: Callable[[], None] = lambda: None
        #: calls that SES took and has yet to tell of
        self.untold: deque[Call] | None = None
        self._ses = ses
        self._clock = clock

    def send(self, *, tags: Any, **message: Any) -> str:
        """Pass a call on, and remember it."""
        answer = "accepted"
        try:
            self.outage()
            return self._ses.send(tags=tags, **message)
        except SekvensError as error:
            answer = type(error).__name__
            raise
        finally:
            call = Call(
                at=self._clock.now(),
                message_id=tags["message_id"],
                answer=answer,
                is_probe="probe" in tags,
            )
            self.calls.append(call)
            if self.untold is not None and answer == "accepted":
                self.untold.append(call)

    def attempts(self) -> Counter[str]:
        """Count the calls for each message."""
        return Counter(call.message_id for call in self.calls if not call.is_probe)


@dataclass
class Passage:
    """One enrollment's passage, as its workflow would hold it."""

    execution: FakeExecution
    state: State
    wakes_at: datetime | None  #: None: a person, or an event
    signals_seen: int = 0
    #: how often each step's activity was started
    looks: Counter[str] = field(default_factory=Counter)


class VirtualShop:
    """A shop on a virtual clock; `at` writes its story, `run` lets the time pass."""

    def __init__(
        self, database: Database, ses: Ses, *, flows: tuple[Flow, ...] = FLOWS, **sending: Any
    ) -> None:
        self.database = database
        self.clock = FrozenClock(NOON)
        self.ses = WatchedSes(ses, self.clock)
        self.sending = SendingSettings(**({"production": True} | NO_CALM | sending))
        self.passages: dict[str, Passage] = {}
        #: what happens beside the clock: called whenever it has moved
        self.beside: Callable[[], None] = lambda: None
        self._story: dict[datetime, list[Callable[[], object]]] = defaultdict(list)
        self._temporal = FakeTemporal()
        self._relay = Relay(database, self._temporal, clock=self.clock, shop_time=ShopTime())
        with database.write() as session:
            for each in flows:
                publish.publish(session, each, now=NOON, store_templates=templates.store)
        webhooks = WebhookCaller(database=database, clock=self.clock, webhooks={})
        deeds = Deeds(database=database, clock=self.clock, webhooks=webhooks)
        self._quick = EnrollmentActivities(
            database=database,
            clock=self.clock,
            shop=sample_shop(),
            deeds=deeds,
            best_times=BestTimes(sample_shop(), NEVER_QUIET, SendTimeSettings()),
        )
        self.sender = self.make_sender(None)

    def make_sender(self, evidence: Evidence | None) -> Sender:
        """Build a sender as the worker does."""
        return Sender(
            database=self.database,
            ses=self.ses,
            clock=self.clock,
            envelope=Envelope(database=self.database, shop=sample_shop(), api=API),
            sending=self.sending,
            evidence=evidence,
        )

    def hears_of_what_ses_takes(self, feedback: FeedbackSettings) -> None:
        """Let SES tell of every message that it takes, and the sender lean on that."""
        queue = FakeQueue(feedback.queue_url)
        poller = FeedbackPoller(
            database=self.database,
            queue=queue,
            clock=self.clock,
            shop_time=ShopTime(),
            feedback=feedback,
        )
        prober = Prober(
            database=self.database,
            ses=self.ses,
            clock=self.clock,
            feedback=feedback,
            sender="maja@shop.example",
        )
        evidence = Evidence(
            database=self.database,
            clock=self.clock,
            feedback=feedback,
            grace=timedelta(seconds=self.sending.grace_seconds),
            prober=prober,
        )
        told = iter(range(1_000_000))
        untold: deque[Call] = deque()

        def tell() -> None:
            for call in untold:
                number = next(told)
                body = event_body(
                    call.message_id, at=call.at, ses_message_id=f"0110-{number}", sns_id=f"{number}"
                )
                queue.put(body)
            untold.clear()
            while poller.poll_once():
                pass

        self.ses.untold = untold
        self.beside = tell
        self.sender = self.make_sender(evidence)

    def at(self, instant: datetime, happens: Callable[[], object]) -> None:
        """Let something happen at an instant."""
        self._story[instant].append(happens)

    def posts(self, instant: datetime, *events: dict[str, Any]) -> None:
        """Let the backend post events at an instant."""
        self.at(instant, lambda: self._post(events))

    def run(self, until: datetime) -> None:
        """Let time pass; whoever is due at the same instant goes in the order of enrollment."""
        with asyncio.Runner() as runner:
            while True:
                for instant in [each for each in self._story if each <= self.clock.now()]:
                    for happens in self._story.pop(instant):
                        happens()
                self.beside()
                runner.run(self._relay_all())
                for passage in self._awake():
                    self._go_on(passage)
                instant = min(self._next_instant(), until)
                if instant > self.clock.now():
                    self.clock.move(instant - self.clock.now())
                elif instant == until:
                    return

    def ledger(self) -> list[Message]:
        """List the ledger's rows, the oldest first."""
        with self.database.read() as session:
            return list(session.scalars(select(Message).order_by(Message.claimed_at)))

    def _post(self, events: tuple[dict[str, Any], ...]) -> None:
        now = self.clock.now()
        stamped = [event | {"timestamp": now.isoformat()} for event in events]
        posted = read_batch(json.dumps({"batch": stamped}).encode(), received_at=now)
        with self.database.write() as session:
            ingest(session, posted.events, now=now, shop_time=ShopTime(), shop=sample_shop())

    async def _relay_all(self) -> None:
        while self._relay.expand_once():
            pass
        while await self._relay.deliver_once():
            pass
        for execution in self._temporal.all_executions:
            enrollment_id = execution.start.input.enrollment_id
            if enrollment_id not in self.passages:
                now = self.clock.now()
                graph = compile_flow(from_json(Flow, execution.start.input.flow))
                state = orders.first_state(execution.start.input, graph, now=now)
                self.passages[enrollment_id] = Passage(execution, state, now)

    def _awake(self) -> list[Passage]:
        now = self.clock.now()
        return [
            passage
            for passage in self.passages.values()
            if passage.execution.is_open
            and (
                (passage.wakes_at is not None and passage.wakes_at <= now)
                or passage.signals_seen < len(passage.execution.signals)
            )
        ]

    def _next_instant(self) -> datetime:
        """Tell when somebody wakes up, the story goes on, or the relay owes something."""
        with self.database.read() as session:
            owed = session.scalar(select(func.min(Enrollment.due_at)))
        wakes = [each.wakes_at for each in self.passages.values() if each.execution.is_open]
        known = [instant for instant in (owed, *wakes, *self._story) if instant is not None]
        return max(min(known), self.clock.now()) if known else datetime.max.replace(tzinfo=UTC)

    def _go_on(self, passage: Passage) -> None:
        """Do what the interpreter says until it sleeps or ends, as the workflow does."""
        pinned, now = passage.execution.start.input, self.clock.now()
        graph = compile_flow(from_json(Flow, pinned.flow))
        while True:
            for signal in passage.execution.signals[passage.signals_seen :]:
                passage.signals_seen += 1
                for event in standing.events_for(pinned, signal):
                    passage.state = interpreter.see(
                        graph, passage.state, event.event_id, event.matched, seq=event.seq, now=now
                    )
            passage.state, command = interpreter.decide(graph, passage.state, now)
            match command:
                case Finish():
                    step_id = passage.state.step
                    self._quick.finish_enrollment(
                        orders.finish_order(pinned, command, step_id=step_id, now=now)
                    )
                    passage.execution.is_open = False
                    return
                case SleepUntil():
                    passage.wakes_at = command.until
                    return
                case SendMessage() | CarryOut():
                    passage.looks[command.step.id] += 1
                    _, order, _ = orders.order_for(pinned, graph, command, now=now, speed=1.0)
                    outcome = self._carry_out(order)
                    passage.state = interpreter.settle(graph, passage.state, outcome, now)
                case Ask():
                    answer = self._quick.answer_question(
                        orders.answer_order(pinned, command, now=now)
                    )
                    passage.state = interpreter.answer(
                        graph, passage.state, answer.branch, answer.instant, now=now
                    )
                case _:
                    assert_never(command)

    def _carry_out(self, order: SendInput | CarryOutInput) -> Outcome:
        if isinstance(order, CarryOutInput):
            return self._quick.carry_out(order).outcome
        return self.sender.send(order)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
