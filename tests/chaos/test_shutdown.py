"""Services are told to stop under load, again and again: nothing is in doubt, lost or sent twice.

SES answers slowly, so that something is always on its way, and tells of nothing: a message that a
shutdown had left in doubt would stay so.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from sekvens.messages.tables import Message, MessageState
from sekvens.ses.local.faults import FaultMode
from tests.chaos import verdicts
from tests.chaos.crowd import Crowd
from tests.chaos.nemesis import WORKERS, is_ready
from tests.chaos.scale import SEED, pick
from tests.e2e.stack import Stack, eventually, http_post, logs_on_failure, running_stack
from worker import SHUTDOWN_GRACE

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1200)]

TIMES = pick(short=5, long=20)
#: Nobody's second e-mail is due before the test is over.
DAY_SECONDS = 7200.0
SES_MILLISECONDS = 300
#: A process needs a moment to end besides, and the machine may be busy.
SLACK_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Stop:
    """How a service stopped."""

    service: str
    in_flight: int  #: messages in dispatch when it was told to
    code: int
    seconds: float
    said: str  #: its log since


@pytest.fixture(params=pick(short=["sqlite"], long=["sqlite", "postgresql"]))
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with ExitStack() as up:
        stack = up.enter_context(
            running_stack(
                tmp_path,
                day_seconds=DAY_SECONDS,
                postgresql=request.param == "postgresql",
                settings={"SENDING__ATTEMPT_SECONDS": "8", "FEEDBACK__WAIT_SECONDS": "1"},
            )
        )
        up.enter_context(logs_on_failure(stack, request))
        stack.start_only("worker-2")
        stack.tell_events(lost=1)
        answer_slowly(stack)
        yield stack


def test_told_to_stop_under_load_services_leave_nothing_in_doubt_and_send_nothing_twice(
    stack, request
):
    crowd = Crowd(stack, "stopping", seed=SEED)
    with crowd.coming(every=0.2):
        stops = [stop(stack, service) for turn in range(TIMES) for service in told_in(turn)]
        for service in WORKERS:
            eventually(lambda name=service: is_ready(stack, name), f"the {service} is back")
    crowd.settle()  # whether it has or not, the judge says what is missing
    findings = crowd.judge()
    verdicts.record(
        "chaos",
        f"sigterm-{request.node.callspec.params['stack']}",
        seed=SEED,
        stops=len(stops),
        in_flight=sum(each.in_flight for each in stops),
        slowest_stop_s=max(each.seconds for each in stops),
        **findings.facts(),
    )

    assert [each.code for each in stops] == [0] * len(stops)
    assert max(each.seconds for each in stops) < SHUTDOWN_GRACE.total_seconds() + SLACK_SECONDS
    assert [each.said for each in stops if "Traceback" in each.said] == []
    assert sum(each.in_flight for each in stops) > 0
    assert (findings.in_doubt, findings.all.duplicates, findings.all.flagged) == (0, 0, 0)
    assert findings.broken() == []
    assert findings.unanswered == 0


def told_in(turn: int) -> list[str]:
    """Tell which services are stopped in a turn: a worker in each, now and then another."""
    others = {1: ["api"], 3: ["relay"]}
    return [WORKERS[turn % 2], *others.get(turn % 5, [])]


def stop(stack: Stack, service: str) -> Stop:
    """Tell a service to stop while messages are on their way, and start it again."""
    eventually(lambda: is_ready(stack, service), f"the {service} is ready")
    eventually(lambda: in_dispatch(stack), "messages are on their way")
    before, in_flight, began = len(stack.log(service)), in_dispatch(stack), time.monotonic()
    code = stack.terminate(service)
    took = time.monotonic() - began
    said = stack.log(service)[before:]
    stack.stop(service)
    stack.start_only(service)
    return Stop(service=service, in_flight=in_flight, code=code, seconds=took, said=said)


def in_dispatch(stack: Stack) -> int:
    rows = select(func.count()).select_from(Message)
    with stack.database.read() as session:
        query = rows.where(Message.state == MessageState.DISPATCHING)
        return session.scalar(query) or 0


def answer_slowly(stack: Stack) -> None:
    body = {"mode": FaultMode.DELAY, "count": None, "milliseconds": SES_MILLISECONDS}
    http_post(
        f"{stack.site.inbox_url}/_local/faults",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
