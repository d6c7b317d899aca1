"""Races through a real worker: the API answers over HTTP, and the local SES's log is the judge.

250 races in the long setting, on both databases; 50 in the short one. The first e-mail of the
welcome leaves as soon as relay, Temporal and worker have passed it on, and the fact is posted
around that moment. Clients and services share this machine's clock.
"""

import math
import random
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import select

from sekvens.clock import SystemClock
from sekvens.contacts.tables import Identity
from sekvens.messages.links import unsubscribe_url
from sekvens.messages.tables import Message, MessageState, Overlap
from sekvens.settings import load_settings
from sekvens.switches.tables import EVERYTHING, SwitchState
from tests.chaos import verdicts
from tests.chaos.races import BY_API, Fact
from tests.chaos.racing import (
    SES_SPREAD,
    Lead,
    erase_person,
    is_patient,
    replies,
    turn,
    turn_back,
)
from tests.chaos.scale import LONG, SEED, pick
from tests.e2e.stack import (
    Stack,
    address_of,
    end_all,
    eventually,
    http_post,
    judge,
    logs_on_failure,
    order,
    running_stack,
    sign_up,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(pick(short=400, long=1800))]

FLOW: Final = "welcome"
LANES: Final = 6
#: Messages that one pause or stop races at once.
ROUND: Final = 5
#: Races of each kind: 50 or 250 in all.
HALF: Final = pick(short=5, long=25)
RACES: Final[Mapping[Fact, int]] = {
    Fact.PURCHASE: 2 * HALF,
    Fact.UNSUBSCRIBE: HALF,
    Fact.LINK: HALF,
    Fact.SUPPRESSION: 2 * HALF,
    Fact.ERASURE: 2 * HALF,
    Fact.PAUSE: HALF,
    Fact.STOP: HALF,
}
#: SES's latency in seconds: the median.
SES_TAKES: Final = 0.12
#: From the sign-up to the fact, in seconds: to begin with, at random, and for who has just lost.
LEAD: Final = 0.4
APART_MAX: Final = 0.1
FAIR: Final = 0.02
#: A message that has not left so long after a reply, in seconds, has been held back.
SETTLED_AFTER: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What was posted about whom, and the instants at which that began and the reply was read."""

    fact: Fact
    user_ids: tuple[str, ...]
    posted_at: datetime
    answered_at: datetime
    until: datetime | None = None  #: when a pause was over


class WorkerRaces:
    """Contacts who sign up and are about to get their first e-mail, in lanes."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.latencies: list[float] = []
        self._settings = load_settings(stack.environ)
        self._chance = random.Random(SEED)  # noqa: S311  the same races each time
        self._lead = Lead(LEAD, step=FAIR)

    def run(self, facts: Mapping[Fact, int]) -> list[Reply]:
        """Race: each contact alone, then rounds of those whom a pause concerns together."""
        switches = (Fact.PAUSE, Fact.STOP)
        alone = [f for f, count in facts.items() if f not in switches for _ in range(count)]
        self._chance.shuffle(alone)
        with ThreadPoolExecutor(LANES, "lane") as lanes:
            numbered = enumerate(alone)
            done = list(lanes.map(lambda each: self._race(each[1], (f"r-{each[0]}",)), numbered))
        rounds = [f for f in switches for _ in range(facts[f] // ROUND)]
        for number, fact in enumerate(rounds):
            users = tuple(f"p-{number}-{each}" for each in range(ROUND))
            done.append(self._race(fact, users))
        return done

    def _race(self, fact: Fact, users: tuple[str, ...]) -> Reply:
        for user_id in users:
            self._delay(user_id)
        lead = self._lead.seconds + self._chance.uniform(-APART_MAX, APART_MAX)
        self.stack.post(*(event for user_id in users for event in sign_up(user_id)))
        contact_id = self._contact_id(users[0])
        time.sleep(max(0.0, lead))
        posted_at = datetime.now(UTC)
        answered_at = self._happen(fact, users[0], contact_id)
        left = self._left(contact_id)
        until = None
        if fact in (Fact.PAUSE, Fact.STOP):
            until = datetime.now(UTC)
            turn_back(self.stack.database, EVERYTHING if fact is Fact.STOP else FLOW, now=until)
        self._lead.learn(left=left)
        return Reply(
            fact=fact, user_ids=users, posted_at=posted_at, answered_at=answered_at, until=until
        )

    def _delay(self, user_id: str) -> None:
        latency = self._chance.lognormvariate(math.log(SES_TAKES), SES_SPREAD)
        self.latencies.append(latency)
        milliseconds = max(1, round(latency * 1000))
        address = address_of(user_id)
        self.stack.break_ses("delay", None, recipient=address, milliseconds=milliseconds)

    def _happen(self, fact: Fact, user_id: str, contact_id: str) -> datetime:
        match fact:
            case Fact.PURCHASE:
                return self.stack.post(order(user_id, f"order-{user_id}"))
            case Fact.UNSUBSCRIBE:
                return self.stack.post(track(user_id, "Unsubscribed"))
            case Fact.SUPPRESSION:
                return self.stack.post(track(user_id, "Contact Suppressed"))
            case Fact.LINK:
                api = self._settings.api
                url = unsubscribe_url(api, contact_id=contact_id, message_id="m-earlier")
                form = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
                http_post(url, form, {"Content-Type": "application/x-www-form-urlencoded"})
            case Fact.ERASURE:
                now_shop, clock = self.stack.shop_now(), SystemClock()
                erase_person(self.stack.database, contact_id, clock=clock, now_shop=now_shop)
            case Fact.PAUSE:
                turn(self.stack.database, FLOW, SwitchState.PAUSED, now=datetime.now(UTC))
            case Fact.STOP:
                turn(self.stack.database, EVERYTHING, SwitchState.STOPPED, now=datetime.now(UTC))
        return datetime.now(UTC)

    def _contact_id(self, user_id: str) -> str:
        with self.stack.database.read() as session:
            return session.get_one(Identity, ("user_id", user_id)).contact_id

    def _left(self, contact_id: str) -> bool:
        """Tell whether the message has left; wait a moment for one that is leaving."""
        query = select(Message.state).where(Message.contact_id == contact_id, Message.flow == FLOW)
        deadline = time.monotonic() + SETTLED_AFTER
        while time.monotonic() < deadline:
            with self.stack.database.read() as session:
                if session.scalar(query) == MessageState.ACCEPTED:
                    return True
            time.sleep(0.05)
        return False


@pytest.fixture(scope="module", params=pick(short=["postgresql"], long=["postgresql", "sqlite"]))
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    # A day lasts an hour: nobody's second e-mail comes in between.
    folder = tmp_path_factory.mktemp("races")
    on_postgresql = request.param == "postgresql"
    with running_stack(folder, day_seconds=3600.0, postgresql=on_postgresql) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services
    services.mend_ses()


def test_once_the_reply_is_out_ses_accepts_no_message_that_the_fact_forbids(stack: Stack) -> None:
    races = WorkerRaces(stack)
    answered = races.run(RACES)
    mails = taken(stack)
    overlaps = overlapped(stack)
    late = [
        mail["id"]
        for reply in answered
        for mail in forbidden(reply, mails)
        if mail["tags"]["message_id"] not in overlaps
    ]
    users = [user_id for reply in answered for user_id in reply.user_ids]
    name = stack.database.engine.dialect.name
    facts = figures(stack, races, answered, mails)
    verdicts.record(
        "races", f"real worker ({name})", seed=SEED, lost=len(late), overlaps=len(overlaps), **facts
    )

    assert late == []
    assert len(overlaps) <= len(users) // 20
    # Both ends of the race came up, or the judge has judged nothing.
    enough = len(users) // pick(short=20, long=10)
    assert enough <= facts["left"] <= len(users) - enough
    if LONG:
        assert is_patient(facts)
    known = [user_id for each in answered if each.fact != Fact.ERASURE for user_id in each.user_ids]
    end_all(stack, known)
    judge(stack, *known)


@pytest.mark.parametrize("fault", ["delay", "hang"])
def test_a_lock_that_is_not_free_within_two_seconds_is_an_overlap_on_record(
    stack: Stack, fault: str
) -> None:
    user_id = f"overlaps-{fault}"
    more = {"milliseconds": 4500} if fault == "delay" else {}
    stack.break_ses(fault, 1, recipient=address_of(user_id), **more)
    stack.post(*sign_up(user_id))
    enrollment = stack.enrolled(user_id, FLOW)
    eventually(lambda: not stack.faults(), "SES is being called")
    began_at = time.monotonic()
    answered_at = stack.post(order(user_id, f"order-{user_id}"))
    took = time.monotonic() - began_at
    (message,) = stack.ledger(enrollment.id)

    assert took > 1.9
    assert overlapped(stack)[message.id] <= answered_at
    assert f"action=send_overlapped contact_id={message.contact_id}" in stack.log("api")
    eventually(lambda: stack.has_ended(user_id), "the purchase has ended the enrollment")
    judge(stack, user_id)
    assert len(stack.mails(user_id)) >= (fault == "delay")
    verdicts.record("races", f"overlap by {fault}", reply_ms=took * 1000)


def taken(stack: Stack) -> list[dict[str, Any]]:
    """List the e-mails of the raced flow that SES has, with their instants."""
    return [
        mail | {"at": datetime.fromisoformat(mail["accepted_at"])}
        for mail in stack.mails()
        if mail["tags"]["flow"] == FLOW
    ]


def forbidden(reply: Reply, mails: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """List what SES took after a reply and the fact forbids: a pause forbids everybody's."""
    addresses = {address_of(user_id) for user_id in reply.user_ids}
    if reply.until is not None:
        return [mail for mail in mails if reply.answered_at < mail["at"] < reply.until]
    return [
        mail for mail in mails if mail["recipient"] in addresses and mail["at"] > reply.answered_at
    ]


def overlapped(stack: Stack) -> dict[str, datetime]:
    """Tell which messages overlapped with a fact, and when."""
    with stack.database.read() as session:
        return {row.message_id: row.at for row in session.scalars(select(Overlap))}


def figures(
    stack: Stack, races: WorkerRaces, answered: Sequence[Reply], mails: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Tell who won, and how long the API's replies took against SES."""
    ids = {mail["recipient"]: mail["tags"]["message_id"] for mail in mails}
    rows = {row.id: row for row in stack.ledger() if row.dispatched_at and row.accepted_at}
    met, others, left = [], [], 0
    for reply in answered:
        found = [rows.get(ids.get(address_of(user_id), "")) for user_id in reply.user_ids]
        calls = [(row.dispatched_at, row.accepted_at) for row in found if row is not None]
        left += sum(began <= reply.answered_at for began, _ in calls)
        if reply.fact in BY_API:
            has_met = any(
                began < reply.answered_at and ended > reply.posted_at for began, ended in calls
            )
            took = (reply.answered_at - reply.posted_at).total_seconds()
            (met if has_met else others).append(took)
    return {
        "races": sum(len(reply.user_ids) for reply in answered),
        "left": left,
        "met": len(met),
    } | replies(met, others, races.latencies)
