"""Bad input of every kind, and poisoned facts, in a running shop: nobody else notices.

The judges are the local SES's own log for what the good contacts were due, the answers of the API,
and the logs of the services, in which there is no traceback and no word of what was posted.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import func, select, text

from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import OutboxEntry, RejectedEvent
from tests.chaos.scale import pick
from tests.chaos.verdicts import record
from tests.e2e.stack import (
    Stack,
    eventually,
    identify,
    logs_on_failure,
    running_stack,
    sign_up,
    track,
    view_of,
)
from tests.unit.bad_input import EVENTS, REQUESTS, BadEvent, batch

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(600)]

SUITE = "bad input"
#: An hour of the shop is a quarter of a second.
DAY_SECONDS = 6.0
#: All kinds that are refused; of the many that are taken, so many in the short setting.
ONE_IN = pick(short=6, long=1)
EVENTS_AT_ONCE = 40
SERVICES = ("postgresql", "temporal", "local-ses", "api", "relay", "worker")
STARTER = Path(__file__).parents[2] / "starter.py"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("bad-input")
    with running_stack(folder, day_seconds=DAY_SECONDS, postgresql=True) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


def chosen() -> list[BadEvent]:
    """Choose the events; a suppression is no accident, and would be obeyed."""
    events = [event for event in EVENTS if "Contact Suppressed" not in event.kind]
    return [
        event
        for number, event in enumerate(events)
        if event.expected == "refused" or number % ONE_IN == 0
    ]


def client_of(stack: Stack) -> httpx.Client:
    auth = (stack.site.write_key, "")
    return httpx.Client(base_url=stack.site.api_url, auth=auth, timeout=60)


def half_a_request(stack: Stack, *, chunked: bool) -> socket.socket:
    """Begin a request, and leave it there: the connection stays open."""
    url = urlsplit(stack.site.api_url)
    key = b64encode(f"{stack.site.write_key}:".encode()).decode()
    size = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n{size}\r\n\r\n"
    connection = socket.create_connection((url.hostname, url.port), timeout=60)
    body = '10\r\n{"batch": [{"typ' if chunked else '{"batch": [{"typ'
    connection.sendall(f"{head}{body}".encode())
    return connection


def confirmed(stack: Stack, user: str) -> bool:
    return "order-updates/order-confirmation" in stack.steps(user)


def is_alive(stack: Stack, service: str) -> bool:
    try:
        os.kill(stack.processes.process_ids()[service], 0)
    except (KeyError, ProcessLookupError):
        return False
    return True


def complaints(stack: Stack) -> list[str]:
    """List what no log may hold: tracebacks, bugs, and words that somebody posted."""
    shown = re.compile(r"Traceback|action=bug_met|met a bug|kund\.example|@example\.com|Bcc|Tröja")
    lines = [
        f"{service}: {line[:200]}"
        for service in ("api", "relay", "worker")
        for line in stack.log(service).splitlines()
    ]
    return [line for line in lines if shown.search(line)]


def test_every_kind_of_bad_input_is_answered_and_every_good_contact_gets_their_mail(
    stack: Stack,
) -> None:
    bad, answers = chosen(), dict[str, int]()
    groups = [bad[at : at + EVENTS_AT_ONCE] for at in range(0, len(bad), EVENTS_AT_ONCE)]
    requests = list(REQUESTS)
    hanging = [half_a_request(stack, chunked=chunked) for chunked in (True, False)]
    with client_of(stack) as client:
        for number, group in enumerate(groups):
            user, good = f"odd-{number}", f"good-{number}"
            stack.post(*sign_up(user))
            reply = client.post("/v1/batch", content=batch(*(event.body(user) for event in group)))
            answers[f"group {number}"] = reply.status_code
            for request in (requests.pop() for _ in range(min(4, len(requests)))):
                reply = client.post(request.path, content=request.body, headers=request.headers)
                wanted = reply.status_code in request.statuses and len(reply.json()["message"]) > 10
                answers[request.kind] = 200 if wanted else reply.status_code
            pieces = iter([b'{"batch": [', b"]}"])
            answers["chunked"] = client.post("/v1/batch", content=pieces).status_code
            # Beside it somebody else joins, and whoever had the accident goes on as well.
            bought = track(user, "Order Completed", {"order_id": f"fine-{user}", "total": 10})
            stack.post(*sign_up(good), identify(user), bought)
    for connection in hanging:
        connection.close()
    goods = [f"good-{number}" for number in range(len(groups))]
    odd = [f"odd-{number}" for number in range(len(groups))]
    eventually(
        lambda: all("welcome/hello" in stack.steps(user) for user in goods), "the good are greeted"
    )
    eventually(lambda: all(confirmed(stack, user) for user in odd), "the odd get their receipts")
    eventually(lambda: count(stack, OutboxEntry) == 0, "the outbox is worked off")

    refused = count(stack, RejectedEvent)
    stuck = [row.workflow_id for row in parked(stack) if row.parked_code == "bug"]
    dead = [service for service in SERVICES if not is_alive(stack, service)]
    record(SUITE, "corpus", events=len(bad), requests=len(REQUESTS), refused=refused,
           greeted=len(goods), bugs=len(stuck), services_dead=len(dead))  # fmt: skip
    assert requests == []
    assert {kind: status for kind, status in answers.items() if status != 200} == {}
    assert refused == sum(event.expected == "refused" for event in bad)
    assert (stuck, dead, complaints(stack)) == ([], [], [])


def count(stack: Stack, table: type) -> int:
    with stack.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def parked(stack: Stack) -> list[Enrollment]:
    with stack.database.read() as session:
        query = select(Enrollment).where(Enrollment.state == EnrollmentState.PARKED)
        return list(session.scalars(query))


def starter(stack: Stack, *words: str) -> str:
    """Do what an operator does at the command line."""
    done = subprocess.run(
        [sys.executable, str(STARTER), *words],
        env={**stack.environ, "COLUMNS": "300"}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def spoil(stack: Stack, statement: str, **values: str) -> None:
    with stack.database.write() as session:
        session.execute(text(statement), values)


def test_a_poisoned_fact_parks_its_enrollment_until_a_person_has_said_what_becomes_of_it(
    stack: Stack,
) -> None:
    """Orders whose lines are no list, an event that is no object, a cart that is gone."""
    stack.post(identify("fork"), track("fork", "Order Completed", {"order_id": "fork"}))
    eventually(lambda: confirmed(stack, "fork"), "the fork's order is confirmed")
    stack.stop("worker")
    orders = [f"poison-{number}" for number in range(3)]
    for user in orders:
        bought = track(user, "Order Completed", {"order_id": user, "products": [{"name": "T"}]})
        stack.post(identify(user), bought)
    # Whether this order has arrived is asked of every such event of theirs.
    stack.post(track("fork", "Order Delivered", {"order_id": "another"}))
    stack.post(track("fork", "Order Shipped", {"order_id": "fork"}))
    stack.post(*sign_up("cart"), stack.cart("cart", "cart"), *sign_up("beside"))
    stack.enrolled("cart", "cart-abandonment")
    eventually(lambda: count(stack, OutboxEntry) == 0, "all of it is relayed")
    spoil(stack, "UPDATE orders SET products = '7' WHERE order_id LIKE 'poison-%'")
    spoil(stack, "UPDATE carts SET lines = '[]' WHERE cart_id = 'cart'")
    whose = {row.contact_id for row in stack.enrollments("fork")}.pop()
    fork = "name = 'Order Delivered' AND contact_id = :whose"
    spoil(stack, f"UPDATE events SET properties = '\"fork\"' WHERE {fork}", whose=whose)
    stack.start("worker")

    held = eventually(lambda: len(parked(stack)) == 5 and parked(stack), "five are parked")
    shown = starter(stack, "parked")
    views = asyncio.run(views_of(stack, held))
    lost = [user for user in ("beside",) if "welcome/hello" not in stack.steps(user)]
    places = {(row.flow, row.step_id, row.parked_code) for row in held}

    assert places == {
        ("order-updates", "order-confirmation", "bug"),
        ("order-updates", "is-on-its-way", "bug"),
        ("cart-abandonment", "your-cart-misses-you", "template"),
    }
    assert "AttributeError at sekvens/flows/conditions.py" in shown
    assert "TypeError at sekvens/messages/facts_of_orders.py" in shown
    assert all("parked: " in view and "Signal retry" in view for view in views)
    assert lost == []

    # What is mended is tried again, all of it by one command; what is not is gone past.
    spoil(stack, "UPDATE orders SET products = '[]' WHERE order_id LIKE 'poison-%'")
    told = starter(stack, "retry", "--code", "bug")
    eventually(lambda: all(confirmed(stack, user) for user in orders), "the orders are confirmed")
    eventually(lambda: len(parked(stack)) == 2, "the fork is parked again, and the cart still is")
    assert "order-updates/order-shipped" not in stack.steps("fork")
    starter(stack, "skip", "--code", "bug")
    eventually(lambda: len(parked(stack)) == 1, "the fork goes on")
    starter(stack, "exit", "--flow", "cart-abandonment")
    eventually(lambda: parked(stack) == [], "nobody is parked")

    left = next(row for row in stack.enrollments("cart") if row.flow == "cart-abandonment")
    record(SUITE, "poison", parked=len(held), retried=4, skipped=1, ended=1, lost=len(lost))
    assert "4" in told
    assert left.exit_reason == "cancelled"
    assert [line for line in complaints(stack) if "example" in line] == []


async def views_of(stack: Stack, rows: list[Enrollment]) -> list[str]:
    client = await stack.temporal()
    return [(await view_of(client.get_workflow_handle(row.workflow_id))).doing for row in rows]
