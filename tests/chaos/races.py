"""Races: a fact is committed at a random moment around a message that it forbids.

The judge compares two instants of one clock: when SES took the message, and when the reply to the
fact went out. What SES took later is lost, unless the ledger owns up to an overlap.
"""

import itertools
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select

from sekvens.contacts.tables import Identity
from sekvens.db.session import Database
from sekvens.enrollments.publish import pinned_flow, publish
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import Outcome
from sekvens.messages.tables import Message, Overlap
from sekvens.switches.tables import EVERYTHING, SwitchState
from tests.chaos.racing import Api, Call, Lead, TimedSes, erase_person, turn, turn_back
from tests.chaos.scale import SEED
from tests.unit.ingesting import NOON, identify, track
from tests.unit.sending import PostOffice, letters, store_letters

#: Contacts at once, all over one sender.
LANES: Final = 4
#: How far apart fact and message may start, in seconds: every order of the two comes up.
APART_MAX: Final = 0.06
#: Who won gives the other this much more of a start, in seconds.
FAIR: Final = 0.006
#: Contacts who sign up in one transaction.
SIGN_UPS_MAX: Final = 250


class Fact(StrEnum):
    """What forbids a message."""

    PURCHASE = "purchase"
    UNSUBSCRIBE = "unsubscribe"  #: by event
    LINK = "unsubscribe link"  #: in one click of a mail client
    SUPPRESSION = "suppression"
    ERASURE = "erasure"
    MERGE = "merge"  #: with somebody who has been in the flow for longer
    PAUSE = "pause"  #: of one flow
    STOP = "stop"  #: of everything


#: What the API acknowledges; the rest is known when a call or a command returns.
BY_API: Final = (Fact.PURCHASE, Fact.UNSUBSCRIBE, Fact.LINK, Fact.SUPPRESSION)
#: How long somebody's other self has been in the flow.
LONGER: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Race:
    """What became of one fact and one message; instants are those of `time.monotonic()`."""

    fact: Fact
    enrollment_id: str
    outcome: Outcome
    posted_at: float
    answered_at: float
    call: Call | None  #: None: SES was not called
    is_overlap: bool = False  #: the ledger says that the lock could not be had in time

    @property
    def is_lost(self) -> bool:
        """Tell whether SES took the message after the reply, and nobody owned up to it."""
        return self.call is not None and (
            self.call.taken_at > self.answered_at and not self.is_overlap
        )

    @property
    def met(self) -> bool:
        """Tell whether SES was being called while the fact was on its way."""
        return self.call is not None and (
            self.call.began_at < self.answered_at and self.call.ended_at > self.posted_at
        )

    @property
    def acknowledged_in(self) -> float:
        """Tell how long the reply took, in seconds."""
        return self.answered_at - self.posted_at


class Races:
    """One sender, one API, and contacts who race in lanes; each race is a contact of its own."""

    def __init__(self, database: Database, *, lanes: int = LANES, seed: int = SEED) -> None:
        self.office = PostOffice(database)
        self.ses = TimedSes(self.office.ses, seed=seed)
        self.sender = self.office.another_sender()
        self.sender._ses = self.ses
        self.api = Api(database, self.office.clock)
        self.chance = random.Random(seed)  # noqa: S311  the same races each time
        self._lanes = ThreadPoolExecutor(lanes, "lane")
        self._senders = ThreadPoolExecutor(lanes, "sender")
        #: how much later than its message any fact starts, and one of each kind on top of it
        self._lead: defaultdict[Fact | None, Lead] = defaultdict(lambda: Lead(step=FAIR))
        self._names = (f"r-{number}" for number in itertools.count())
        # A pause of one lane's flow is nobody else's.
        self._orders = [self._order_of(f"letters-{lane}") for lane in range(lanes)]

    def run(self, facts: Sequence[Fact]) -> list[Race]:
        """Race once for each fact, in lanes; a stop races a message of every lane."""
        alone = [fact for fact in facts if fact is not Fact.STOP]
        dealt = list(zip(alone, self._sign_up(len(alone)), self._aparts(len(alone)), strict=True))
        self._double([order for fact, order, _ in dealt if fact is Fact.MERGE])

        def race_in(lane: int) -> list[Race]:
            mine = dealt[lane :: len(self._orders)]
            return [self._race(fact, [order], apart)[0] for fact, order, apart in mine]

        races = [
            race for some in self._lanes.map(race_in, range(len(self._orders))) for race in some
        ]
        for _ in range(len(facts) - len(alone)):
            orders = self._sign_up(len(self._orders))
            races += self._race(Fact.STOP, orders, *self._aparts(len(orders)))
        return self._own_up(races)

    def lost_of(self, facts: Sequence[Fact], *, rounds: int = 10) -> int:
        """Race on until the judge finds a message that is too late; tell how many it found."""
        counted = (sum(race.is_lost for race in self.run(facts)) for _ in range(rounds))
        return next((lost for lost in counted if lost), 0)

    def happen(self, fact: Fact, order: SendInput) -> float:
        """Let a fact happen as it does in production; tell the instant at which we say so."""
        user, database, clock = order.enrollment_id, self.office.database, self.office.clock
        match fact:
            case Fact.PURCHASE:
                return self.api.track(user, "Order Completed", order_id=f"o-{user}")
            case Fact.UNSUBSCRIBE:
                return self.api.track(user, "Unsubscribed")
            case Fact.LINK:
                return self.api.unsubscribe(order.contact_id)
            case Fact.SUPPRESSION:
                return self.api.track(user, "Contact Suppressed")
            case Fact.ERASURE:
                erase_person(database, order.contact_id, clock=clock, now_shop=clock.now())
            case Fact.MERGE:
                return self.api.alias(f"{user}-before", user)
            case Fact.PAUSE:
                turn(database, order.flow, SwitchState.PAUSED, now=clock.now())
            case Fact.STOP:
                turn(database, EVERYTHING, SwitchState.STOPPED, now=clock.now())
        return time.monotonic()

    def close(self) -> None:
        """Stop what runs."""
        self._lanes.shutdown()
        self._senders.shutdown()
        self.api.close()

    def _race(self, fact: Fact, orders: Sequence[SendInput], *apart: float) -> list[Race]:
        """Race one fact against one message or several."""
        lead = self._lead[None].seconds + self._lead[fact].seconds
        later = [lead + each for each in apart]
        begins_at = time.monotonic() + max(0.0, *later)
        sending = [
            self._senders.submit(self._send, order, at=begins_at - by)
            for order, by in zip(orders, later, strict=True)
        ]
        _wait_until(begins_at)
        posted_at = time.monotonic()
        answered_at = self.happen(fact, orders[0])
        outcomes = [each.result() for each in sending]
        if fact in (Fact.PAUSE, Fact.STOP):
            name = EVERYTHING if fact is Fact.STOP else orders[0].flow
            turn_back(self.office.database, name, now=self.office.clock.now())
        races = [
            Race(
                fact=fact,
                enrollment_id=order.enrollment_id,
                outcome=outcome,
                posted_at=posted_at,
                answered_at=answered_at,
                call=self.ses.calls.get(address_of(order.enrollment_id)),
            )
            for order, outcome in zip(orders, outcomes, strict=True)
        ]
        left = sum(race.call is not None for race in races)
        for kind in (None, fact):
            self._lead[kind].learn(left=2 * left > len(races))
        return races

    def _send(self, order: SendInput, *, at: float) -> Outcome:
        _wait_until(at)
        return self.sender.send(order)

    def _order_of(self, flow: str) -> SendInput:
        """Publish a lane's flow, and make an order for its first letter."""
        published = replace(letters(), name=flow)
        with self.office.database.write() as session:
            publish(session, published, now=NOON, store_templates=store_letters)
            digest = pinned_flow(session, flow, 1).templates[f"{flow}/hello"]
        return self.office.order(flow=flow, template=f"{flow}/hello", template_digest=digest)

    def _aparts(self, count: int) -> list[float]:
        return [self.chance.uniform(-APART_MAX, APART_MAX) for _ in range(count)]

    def _sign_up(self, count: int) -> list[SendInput]:
        """Let contacts sign up, enroll them, and order the first letter of each, lane by lane."""
        names = list(itertools.islice(self._names, count))
        for some in (names[at : at + SIGN_UPS_MAX] for at in range(0, count, SIGN_UPS_MAX)):
            told = [identify(name, email=address_of(name)) for name in some]
            agreed = [track("Email Subscribed", name, ago=24 * 60) for name in some]
            self.office.shop.post(*told, *agreed)
        self.office.relay_all()
        lanes = itertools.cycle(self._orders)
        with self.office.database.write() as session:
            contact_ids = dict(session.execute(select(Identity.value, Identity.contact_id)).all())
            orders = [
                replace(order, enrollment_id=name, contact_id=contact_ids[name])
                for name, order in zip(names, lanes, strict=False)
            ]
            session.add_all(
                Enrollment(
                    id=order.enrollment_id,
                    contact_id=order.contact_id,
                    flow=order.flow,
                    flow_version=1,
                    step_id="hello",
                    workflow_id=f"{order.flow}/{order.enrollment_id}",
                    started_at=NOON,
                )
                for order in orders
            )
        return orders

    def _double(self, orders: Sequence[SendInput]) -> None:
        """Let each have another self, not yet known to be the same, earlier in the same flow."""
        if orders:
            self.office.shop.post(*(identify(f"{each.enrollment_id}-before") for each in orders))
        for each in orders:
            name = f"{each.enrollment_id}-before"
            self.office.enroll(
                name,
                self.office.shop.contact_id(name),
                flow=each.flow,
                started_at=NOON - LONGER,
            )

    def _own_up(self, races: Iterable[Race]) -> list[Race]:
        """Ask the ledger which messages overlapped with a fact."""
        query = select(Message.enrollment_id).join(Overlap, Overlap.message_id == Message.id)
        with self.office.database.read() as session:
            overlaps = set(session.scalars(query))
        return [replace(race, is_overlap=race.enrollment_id in overlaps) for race in races]


def address_of(name: str) -> str:
    """Make the address of a contact who races."""
    return f"{name}@kund.example"


def _wait_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))
