"""Who goes first: with marketing waiting for SES's rate, order mail, and then every flow in turn.

The judge is SES's own log: when it took an order's confirmation, and what it took before. How many
waited is what Temporal says of the queue. The times are printed; only the order is asserted, for
that does not depend on the machine.
"""

import asyncio
import json
import sqlite3
import statistics
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from sekvens.enrollments import names
from sekvens.quota.asking import ASK_INTERVAL
from sekvens.quota.room import queue_rate
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.ses.local.store import FILE_NAME
from tests.chaos import verdicts
from tests.chaos.judging import judged
from tests.chaos.scale import LONG, pick
from tests.e2e.services import PATIENCE
from tests.e2e.stack import (
    Stack,
    address_of,
    eventually,
    identify,
    logs_on_failure,
    order,
    running_stack,
    sign_up,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(pick(short=900, long=3600))]

#: Marketing e-mails of one flow that are due at once.
WAITING = pick(short=300, long=5000)
ORDERS = pick(short=3, long=20)
#: Contacts in the flow beside it; their e-mail is due an hour (of shop time) after their checkout.
BESIDE = 10
#: Messages a second, as SES says: first so few that nearly all come to wait, then what orders are
#: timed at, and last more than this machine can do.
RATES = (1, pick(short=2, long=5), 200)
#: An hour lasts 10 s (50 s), and what waits does not go stale.
DAY_SECONDS = pick(short=240.0, long=1200.0)
#: In the time of so many messages an order has come through API, relay and workflow on a busy
#: machine: never a tenth of those that wait.
AHEAD_MAX = WAITING // 10

#: The flows.
HUGE, SMALL, ORDER = "welcome", "checkout-abandonment", "order-updates"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One message in SES's log."""

    sequence: int
    flow: str
    at: datetime
    to: str


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with (
        running_stack(
            tmp_path, day_seconds=DAY_SECONDS, ses_options=["--rate", str(RATES[0])]
        ) as stack,
        logs_on_failure(stack, request),
    ):
        yield stack


def test_orders_go_before_waiting_marketing_and_a_small_flow_beside_a_huge_one(
    stack: Stack,
) -> None:
    many = [f"many-{number}" for number in range(WAITING)]
    few = [f"few-{number}" for number in range(BESIDE)]
    for at in range(0, WAITING, 100):
        stack.post(*(event for user in many[at : at + 100] for event in sign_up(user)))
    in_the_crowd, _ = passage(stack, "buyer-in-the-crowd")
    stack.post(*(event for user in few for event in sign_up(user)))
    waiting = eventually(lambda: enough_wait(stack), "nearly all wait for SES", seconds=900)
    stack.post(*(checkout(stack, user) for user in few))
    allow(stack, RATES[1])

    passages = [passage(stack, f"buyer-{number}") for number in range(ORDERS)]
    seconds = sorted(each.total_seconds() for each, _ in passages)
    ahead = [before for _, before in passages]
    eventually(lambda: len(taken(stack, SMALL)) >= BESIDE, "the small flow's e-mails leave")
    came, passed = asyncio.run(beside(stack))
    verdicts.record(
        "priority",
        f"orders among {WAITING} that wait, at {RATES[1]}/s",
        waiting=waiting,
        orders=ORDERS,
        p50_s=round(statistics.median(seconds), 2),
        max_s=round(seconds[-1], 2),
        marketing_ahead_max=max(ahead),
        while_they_were_enrolled_s=round(in_the_crowd.total_seconds(), 2),
        huge_flow_waiting_when_the_small_one_came=came,
        of_it_before_the_last_of_the_small_one=passed,
        refused_by_ses=refusals(stack),
    )

    assert waiting > WAITING * 0.7
    assert max(ahead) <= AHEAD_MAX, "marketing left before an order's confirmation"
    assert passed <= came // 2, "the small flow stood behind the huge one"
    if LONG:
        assert seconds[-1] <= 2.0
    follows(stack)
    if LONG:
        drained(stack, [*many, *few])


def passage(stack: Stack, user: str) -> tuple[timedelta, int]:
    """Let somebody order; tell how long after the API's 200 SES had the confirmation.

    And how many marketing e-mails SES took in between.
    """
    confirmed_at = stack.post(identify(user), order(user, f"order-of-{user}"))
    mail = eventually(lambda: confirmation_to(stack, user), f"{user}'s order is confirmed")
    between = [
        each
        for each in taken(stack)
        if each.flow != ORDER and confirmed_at < each.at and each.sequence < mail.sequence
    ]
    return mail.at - confirmed_at, len(between)


async def beside(stack: Stack) -> tuple[int, int]:
    """Tell how many of the huge flow waited when the small one's e-mails were due.

    And how many of these SES took before the last of the small one's. Behind the huge flow it would
    be all of them; in turn it is about as many as the small flow has, and those that pass while SES
    refuses one for its rate.
    """
    client = await stack.temporal()
    due = []
    for enrollment in stack.enrollments():
        if enrollment.flow == SMALL:
            events = client.get_workflow_handle(enrollment.workflow_id).fetch_history_events()
            due += [
                event.event_time.ToDatetime(UTC)
                async for event in events
                if asked_for(event) == names.SEND_ACTIVITY
            ][:1]
    first, last = min(due), max(each.at for each in taken(stack, SMALL)[:BESIDE])
    huge = [each.at for each in taken(stack, HUGE)]
    came = WAITING + BESIDE - len([at for at in huge if at < first])
    return came, len([at for at in huge if first <= at < last])


def asked_for(event: HistoryEvent) -> str:
    return event.activity_task_scheduled_event_attributes.activity_type.name


def confirmation_to(stack: Stack, user: str) -> Taken | None:
    return next((each for each in taken(stack, ORDER) if address_of(user) in each.to), None)


def taken(stack: Stack, flow: str | None = None) -> list[Taken]:
    """List what SES took, of a flow or of all, by its own log: without the e-mails themselves."""
    path = (stack.site.data / "ses" / FILE_NAME).resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT sequence, tags, accepted_at, recipients FROM accepted ORDER BY sequence"
        )
        found = [
            Taken(
                sequence=sequence,
                flow=json.loads(tags).get("flow", ""),
                at=datetime.fromisoformat(at),
                to=to,
            )
            for sequence, tags, at, to in rows
        ]
    return [each for each in found if each.flow and flow in (None, each.flow)]


def checkout(stack: Stack, user: str) -> dict[str, Any]:
    """Make the event of a checkout that is left."""
    product = stack.products[0].properties("sv")
    properties = {"cart_id": f"cart-of-{user}", "products": [{**product, "quantity": 1}]}
    return track(user, "Checkout Started", properties)


def enough_wait(stack: Stack) -> int | None:
    """Tell how many sends Temporal has waiting, once nearly everybody's does."""
    waiting = asyncio.run(backlog(stack))
    gone = len(taken(stack))
    return waiting if waiting + gone >= (WAITING + BESIDE) * 0.95 else None


async def backlog(stack: Stack) -> int:
    """Ask Temporal how many sends wait in the queue."""
    client = await stack.temporal()
    told = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=names.SES_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        )
    )
    return int(told.stats.approximate_backlog_count)


def allow(stack: Stack, rate: float) -> None:
    """Let SES allow more: the fleet follows within a minute, which passes here."""
    body = json.dumps({"rate": rate}).encode()
    asked = urllib.request.Request(  # noqa: S310  the local SES
        f"{stack.site.inbox_url}/_local/account",
        body,
        {"Content-Type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(asked, timeout=PATIENCE).close()  # noqa: S310
    with stack.database.write() as session:
        session.get_one(SesQuota, THE_ACCOUNT).asked_at -= ASK_INTERVAL
    sentence = f"the queue lets {queue_rate(rate):g} messages a second through"
    eventually(lambda: sentence in stack.log("worker"), "the fleet follows SES's rate")


def follows(stack: Stack) -> None:
    """See that more leaves once SES allows more, with the same worker."""
    allow(stack, RATES[2])
    before, more = taken(stack), RATES[1] * 10
    eventually(lambda: len(taken(stack)) >= len(before) + more, "the queue follows SES's rate")
    took = taken(stack)[len(before) + more - 1].at - before[-1].at
    rate = more / took.total_seconds()
    verdicts.record(
        "priority",
        f"{RATES[1]}/s raised to {RATES[2]}/s while the worker runs",
        then_per_second=round(rate, 1),
        refused_by_ses=refusals(stack),
    )
    assert rate > RATES[1] * 1.2


def refusals(stack: Stack) -> int:
    """Count the messages that SES has refused for its rate, as the ledger has it."""
    return sum("Maximum sending rate" in (row.note or "") for row in stack.ledger())


def drained(stack: Stack, users: Sequence[str]) -> None:
    """See that everybody got their e-mail, once."""
    eventually(
        lambda: len(taken(stack, HUGE)) >= len(users), "all that waited has left", seconds=900
    )
    verdict = judged(stack, *users, due=[(HUGE, "hello")], purpose="marketing")
    verdicts.record("priority", "all that waited", **verdict.facts())
    assert not verdict.broken("marketing")
