"""A flood of events to one contact: none is lost, its workflow stays small, others hardly notice.

Half of the events are ones that a flow under way listens for, the rest nobody wants. What others
wait for is measured before and during the flood, in the same run.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from sekvens.contacts.tables import Identity
from sekvens.enrollments import names
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent, OutboxEntry
from tests.chaos import loading
from tests.chaos.scale import LONG, SEED, pick
from tests.chaos.verdicts import record
from tests.e2e.stack import (
    Stack,
    address_of,
    eventually,
    logs_on_failure,
    order,
    sign_up,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(pick(short=600, long=3600))]

EVENTS = pick(short=2_000, long=100_000)
OTHERS = pick(short=3, long=20)
IN_A_REQUEST = 100
HISTORY_MAX = 2_000
PATIENCE = pick(short=240.0, long=1_800.0)
FLOODED = "flooded"


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("flood")
    with loading.running_load_stack(folder) as stack, logs_on_failure(stack, request):
        yield stack


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What others waited for, in seconds from the moment they posted; sorted."""

    hello: list[float]  #: until SES had the first e-mail
    exit: list[float]  #: until Temporal had closed the flow that their order ended

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.hello), statistics.median(self.exit)


async def test_a_flood_of_events_to_one_contact_drowns_nobody(stack: Stack):
    stack.post(*sign_up(FLOODED), stack.cart(FLOODED, "k-flood"))
    entry = stack.enrolled(FLOODED, "cart-abandonment")
    await latency_of(stack, "warm-up", 2)
    before = await latency_of(stack, "before", OTHERS)
    flood = threading.Thread(target=pour, args=(stack,))
    began = time.monotonic()
    flood.start()
    during = await latency_of(stack, "during", OTHERS)
    was_over = not flood.is_alive() and len(owed(stack, entry.id)) == 0
    flood.join()
    poured = time.monotonic() - began
    eventually(lambda: is_through(stack, entry.id), "all is delivered", seconds=PATIENCE)
    through = time.monotonic() - began
    stored = count_events(stack)
    runs = await histories(stack, entry.workflow_id)
    told = sorted(seq for run in runs for seq in run.seqs)
    slower = [late / early for late, early in zip(during.medians(), before.medians(), strict=True)]
    record(
        "flood",
        f"{EVENTS} events to one contact",
        seed=SEED,
        lost=EVENTS - stored + heard() - len(set(told)),
        duplicates=len(told) - len(set(told)),
        history_events_max=max(run.length for run in runs),
        runs=len(runs),
        signals=sum(run.signals for run in runs),
        poured_per_second=EVENTS / poured,
        through_s=through,
        hello_before_s=before.medians()[0],
        hello_during_s=during.medians()[0],
        exit_before_s=before.medians()[1],
        exit_during_s=during.medians()[1],
        flood_was_over_first=was_over,
    )

    assert stored == EVENTS
    assert told == list(range(1, heard() + 1))
    assert max(run.length for run in runs) < HISTORY_MAX
    if LONG:
        assert max(slower) < 2.0, (before, during)


async def test_who_was_flooded_leaves_like_anybody_else(stack: Stack):
    stack.post(order(FLOODED, "o-flood"))
    eventually(lambda: stack.has_ended(FLOODED), "the order has ended all that it ends")

    reasons = {row.flow: row.exit_reason for row in stack.selling(FLOODED)}
    assert reasons["cart-abandonment"] == "converted"


def heard() -> int:
    """Tell how many events of the flood the flow under way listens for."""
    return sum(is_heard(number) for number in range(EVENTS))


def is_heard(number: int) -> bool:
    return number % 2 == 0


def pour(stack: Stack) -> None:
    """Post the flood, as fast as the API takes it."""
    for first in range(0, EVENTS, IN_A_REQUEST):
        stack.post(*(drop(stack, number) for number in range(first, first + IN_A_REQUEST)))


def drop(stack: Stack, number: int) -> dict[str, Any]:
    if is_heard(number):
        return stack.cart(FLOODED, "k-flood")
    name = "Product Viewed" if number % 4 == 1 else "Size Guide Opened"
    return track(FLOODED, name, {"product_id": "mitten"})


async def latency_of(stack: Stack, name: str, count: int) -> Latency:
    """Let some others sign up, get their first e-mail, and order; tell how long each waits."""
    users = [f"{name}-{number}" for number in range(count)]
    posted = {}
    for user in users:
        posted[address_of(user)] = datetime.now(UTC)
        stack.post(*sign_up(user))
        await asyncio.sleep(0.3)
    taken = eventually(lambda: first_mails(stack, posted), "others get theirs", seconds=PATIENCE)
    hello = sorted((taken[one] - at).total_seconds() for one, at in posted.items())
    bought = []
    for user in users:
        bought.append(loading.Purchase(user=user, answered_at=datetime.now(UTC)))
        stack.post(order(user, f"o-{user}"))
        await asyncio.sleep(0.3)
    return Latency(hello=hello, exit=await loading.seconds_to_close(stack, bought))


def first_mails(stack: Stack, wanted: Mapping[str, datetime]) -> dict[str, datetime]:
    """Tell when SES took each one's first e-mail; nothing until it has all of them."""
    found = {
        address: datetime.fromisoformat(at)
        for address, at in loading.first_mails_with_time(stack)
        if address in wanted
    }
    return found if len(found) == len(wanted) else {}


def count_events(stack: Stack) -> int:
    """Count the flood's events that are stored; the trigger was before it."""
    flood = ("Product Added", "Product Viewed", "Size Guide Opened")
    with stack.database.read() as session:
        whose = select(Identity.contact_id).where(Identity.value == FLOODED)
        query = select(func.count()).where(
            ContactEvent.contact_id.in_(whose), ContactEvent.name.in_(flood)
        )
        return (session.scalar(query) or 0) - 1


def owed(stack: Stack, enrollment_id: str) -> list[int]:
    """Tell what is still to be delivered: entries of the outbox, and events of the enrollment."""
    with stack.database.read() as session:
        entry = session.get_one(Enrollment, enrollment_id)
        waiting = session.scalar(
            select(func.count()).where(OutboxEntry.contact_id == entry.contact_id)
        )
        return [n for n in (waiting or 0, entry.last_seq - entry.delivered_seq) if n]


def is_through(stack: Stack, enrollment_id: str) -> bool:
    with stack.database.read() as session:
        entry = session.get_one(Enrollment, enrollment_id)
        if entry.last_seq < heard():
            return False
    return not owed(stack, enrollment_id)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a workflow: how long its history is, and which events it was told of."""

    length: int
    signals: int
    seqs: list[int]


async def histories(stack: Stack, workflow_id: str) -> list[Run]:
    """Read every run of a workflow, from the open one back to the first."""
    client = await stack.temporal()
    runs, run_id = [], None
    while run_id != "":
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        history = await handle.fetch_history()
        told = [
            json.loads(each.workflow_execution_signaled_event_attributes.input.payloads[0].data)
            for each in history.events
            if each.HasField("workflow_execution_signaled_event_attributes")
            and each.workflow_execution_signaled_event_attributes.signal_name == names.EVENTS_SIGNAL
        ]
        seqs = [event["seq"] for signal in told for event in signal["events"]]
        runs.append(Run(length=len(history.events), signals=len(told), seqs=seqs))
        began = history.events[0].workflow_execution_started_event_attributes
        run_id = began.continued_execution_run_id
    return runs
