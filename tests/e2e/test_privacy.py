"""No personal data in Temporal or in a log: canaries go through everything, and none is found.

Looked at: every history with its payloads decoded, lists and descriptions of workflows, Temporal's
own files byte by byte, and the logs of every service, after a run that had failures of all kinds.
"""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete
from temporalio.client import Client

from sekvens.clock import SystemClock
from sekvens.enrollments.wire import DirectSignal
from sekvens.events.tables import Cart
from sekvens.messages.tables import MessageState
from tests.chaos.racing import erase_person
from tests.e2e.stack import (
    Stack,
    eventually,
    http_post,
    identify,
    logs_on_failure,
    order,
    running_stack,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

FIRST_NAME, LAST_NAME = "Kanariefågelsa", "Zwitscherdotter"
PRODUCT_TITLE = "Papegojhalsduken Qvitter"
#: A cart's id is the shop's, and may hold anything.
CART_OWNER = "canary@tweet.example"
USERS = {
    name: f"canary-{name}"
    for name in ("waits", "parks", "rejected", "doubted", "leaves", "forbidden", "buys", "signals")
}
#: Words that stand nowhere in the product.
CANARIES = (FIRST_NAME, LAST_NAME, PRODUCT_TITLE, CART_OWNER, *USERS.values())


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("privacy")
    with running_stack(folder, day_seconds=12.0, grace_seconds=2) as stack:
        go_through_everything(stack)
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


def test_the_run_went_through_failures_of_all_kinds(stack):
    """Else the tests below would say little."""
    skipped_for = {row.skip_reason for row in stack.ledger()}
    ended_for = {row.exit_reason for row in stack.enrollments()}

    assert {"rejected", "not_allowed"} <= skipped_for
    assert "event" in {row.settled_by for row in stack.ledger()}
    assert {"converted", "unsubscribed"} <= ended_for
    assert "parked" in {row.state for row in stack.enrollments()}
    assert any(FIRST_NAME in mail["text"] for mail in stack.mails())
    assert any(PRODUCT_TITLE in mail["text"] for mail in stack.mails())


async def test_no_history_holds_a_canary(stack):
    histories = await texts_of_histories(await stack.temporal())

    assert sum("send_message" in text for text in histories) >= len(USERS)
    assert {found for text in histories for found in canaries_in(text.encode())} == set()


async def test_no_list_or_description_of_workflows_holds_a_canary(stack):
    client, seen = await stack.temporal(), []
    async for each in client.list_workflows():
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        seen.append(f"{each.raw_info} {(await handle.describe()).raw_description}")

    assert len(seen) >= len(USERS)
    assert {found for text in seen for found in canaries_in(text.encode())} == set()


def test_temporals_own_files_hold_no_canary(stack):
    contents = temporal_files(stack)

    assert any(b"welcome v2" in content for content in contents)
    assert {found for content in contents for found in canaries_in(content)} == set()


@pytest.mark.parametrize("service", ["api", "relay", "worker", "temporal", "local-ses"])
def test_no_log_holds_a_canary(stack, service):
    assert canaries_in(stack.log(service).encode()) == set()


def test_an_erasure_ends_what_is_parked_and_nothing_is_sent_any_more(stack):
    mails, contact_id = stack.mails(USERS["parks"]), stack.enrolled(USERS["parks"]).contact_id
    clock, now_shop = SystemClock(), stack.shop_now()
    erase_person(stack.database, contact_id, clock=clock, now_shop=now_shop)

    def theirs() -> set[str | None]:
        rows = [row for row in stack.enrollments() if row.contact_id == contact_id]
        return {row.state for row in rows}

    eventually(lambda: theirs() == {"ended"}, "everything under way has ended")
    reasons = {row.exit_reason for row in stack.enrollments() if row.contact_id == contact_id}
    assert "suppressed" in reasons
    assert stack.mails(USERS["parks"]) == mails


async def test_the_search_finds_what_somebody_plants(stack):
    """The last test: a backend that signals an address itself has it in the history."""
    client = await stack.temporal()
    handle = client.get_workflow_handle(stack.enrolled(USERS["waits"]).workflow_id)
    await handle.signal("Planted", {"event_id": "planted", "buyer": {"name": FIRST_NAME}})
    histories = await texts_of_histories(client)

    assert {found for text in histories for found in canaries_in(text.encode())} == {FIRST_NAME}
    assert {found for each in temporal_files(stack) for found in canaries_in(each)} == {FIRST_NAME}
    assert canaries_in(f"not sent to {USERS['buys']}@example.com".encode()) == {USERS["buys"]}


def go_through_everything(stack: Stack) -> None:
    """Let canaries wait, park, be refused, be in doubt, leave, buy and be posted as rubbish."""
    for fault, name in (("reject", "rejected"), ("reset_after_accept", "doubted")):
        stack.break_ses(fault, count=1)
        arrive(stack, name)
        eventually(lambda name=name: ledger_of(stack, name), f"{name} has a message")
        eventually(lambda: stack.faults() == [], f"the fault has hit {name}")
    for name in ("waits", "parks", "leaves", "forbidden", "buys", "signals"):
        arrive(stack, name)
        fill_cart(stack, name)
    lose_the_cart(stack, "parks")
    post_rubbish(stack)
    for name in ("waits", "leaves", "buys", "signals"):
        eventually(lambda name=name: len(stack.mails(USERS[name])) == 2, f"both reach {name}")
    leave(stack)
    asyncio.run(signal(stack))
    stack.post(order(USERS["buys"], f"order of {CART_OWNER}"))
    for name in ("leaves", "buys", "signals"):
        eventually(lambda name=name: stack.has_ended(USERS[name]), f"{name} has left")
    eventually(lambda: "parked" in {row.state for row in stack.enrollments()}, "one is parked")
    eventually(lambda: settled(stack), "every message has its end")


def arrive(stack: Stack, name: str) -> None:
    user_id = USERS[name]
    # Outside production only example.com is mailed.
    host = "forbidden.example" if name == "forbidden" else "example.com"
    traits = {"email": f"{user_id}@{host}", "firstName": FIRST_NAME, "lastName": LAST_NAME}
    stack.post(identify(user_id, **traits), track(user_id, "Email Subscribed"))
    stack.enrolled(user_id)


def fill_cart(stack: Stack, name: str) -> None:
    put = stack.cart(USERS[name], f"{name}'s cart, {CART_OWNER}")
    put["properties"]["name"] = PRODUCT_TITLE
    stack.post(put)
    stack.enrolled(USERS[name], "cart-abandonment")


def lose_the_cart(stack: Stack, name: str) -> None:
    """Take away what an e-mail is about to speak of."""
    contact_id = stack.enrolled(USERS[name]).contact_id
    with stack.database.write() as session:
        session.execute(delete(Cart).where(Cart.contact_id == contact_id))


def post_rubbish(stack: Stack) -> None:
    """Post what is refused, and what nobody expects in its place."""
    user_id = USERS["waits"]
    stack.post(
        {"type": "track", "event": "Product Added", "properties": {"name": PRODUCT_TITLE}},
        {"type": "track", "userId": user_id, "event": CART_OWNER, "timestamp": CART_OWNER},
        track(user_id, f"Wrote {FIRST_NAME}", {"to": CART_OWNER}),
        track(user_id, "Product Added", {"cart_id": {"of": CART_OWNER}, "name": [PRODUCT_TITLE]}),
        identify(user_id, locale=LAST_NAME, timezone=FIRST_NAME),
    )


def leave(stack: Stack) -> None:
    """Press the unsubscribe button of the inbox."""
    url = stack.mails(USERS["leaves"])[0]["headers"]["List-Unsubscribe"].strip("<>")
    http_post(url, b"List-Unsubscribe=One-Click")


async def signal(stack: Stack) -> None:
    """Signal as a backend may: ids only."""
    client = await stack.temporal()
    handle = client.get_workflow_handle(stack.enrolled(USERS["signals"]).workflow_id)
    await handle.signal("purchase", DirectSignal(order_id="till-1", event_id="receipt-1"))
    await handle.result()


def ledger_of(stack: Stack, name: str) -> list[Any]:
    return stack.ledger(stack.enrolled(USERS[name]).id)


def settled(stack: Stack) -> bool:
    """Tell whether no message is in doubt any more; that of the parked enrollment stays pending."""
    return all(row.state != MessageState.DISPATCHING for row in stack.ledger())


async def texts_of_histories(client: Client) -> list[str]:
    """Fetch every workflow's history as JSON, with every payload decoded."""
    texts = []
    async for each in client.list_workflows():
        handle = client.get_workflow_handle(each.id, run_id=each.run_id)
        history = (await handle.fetch_history()).to_json_dict()
        texts.append(json.dumps(_decoded(history), ensure_ascii=False))
    return texts


def temporal_files(stack: Stack) -> list[bytes]:
    return [path.read_bytes() for path in sorted(stack.site.data.glob("temporal.db*"))]


def canaries_in(content: bytes) -> set[str]:
    """Find canaries in any of the ways in which they may be written."""
    return {
        canary for canary in CANARIES if any(spelling in content for spelling in _spellings(canary))
    }


def _spellings(canary: str) -> set[bytes]:
    escaped = json.dumps(canary)[1:-1]
    return {canary.encode(), escaped.encode(), canary.encode("utf-16-le")} | {
        # Inside base64 a text has three spellings, one for each place it may begin at.
        base64.b64encode(b"\0" * shift + canary.encode())[4 if shift else 0 : -4]
        for shift in range(3)
    }


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64decode(inner).decode("utf-8", "replace")
            if key == "data" and isinstance(inner, str)
            else _decoded(inner)
            for key, inner in value.items()
        }
    return [_decoded(inner) for inner in value] if isinstance(value, list) else value
