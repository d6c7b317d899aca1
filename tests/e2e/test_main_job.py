"""The main job on the real services: event in by HTTP, e-mail out, out of the flow on purchase."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import delete, select
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.common import RawValue

from sekvens.demo.processes import ROOT
from sekvens.enrollments import names
from sekvens.enrollments.wire import DirectSignal
from sekvens.events.tables import Cart, ContactEvent, Order
from tests.e2e.services import PATIENCE
from tests.e2e.stack import (
    Stack,
    eventually,
    http_get,
    http_post,
    identify,
    logs_on_failure,
    order,
    running_stack,
    sign_up,
    track,
    view_of,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

#: Long enough that a busy machine is not too late for a step, short enough to wait for one.
DAY_SECONDS = 12.0


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("main-job"), day_seconds=DAY_SECONDS) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


def enter_both(stack: Stack, user_id: str) -> tuple[str, str]:
    """Bring a contact into both flows, past the first e-mail of each; tell the workflow ids."""
    stack.post(*sign_up(user_id), stack.cart(user_id, f"cart-{user_id}"))
    ids = tuple(stack.enrolled(user_id, flow).workflow_id for flow in BOTH)
    eventually(lambda: len(stack.mails(user_id)) == 2, f"{user_id} gets the first of each flow")
    return ids[0], ids[1]


BOTH = ("welcome", "cart-abandonment")
TIMERS = (EventType.EVENT_TYPE_TIMER_STARTED, EventType.EVENT_TYPE_TIMER_FIRED)


# 1. An event becomes an e-mail


def test_a_sign_up_becomes_an_enrollment_and_an_e_mail_with_all_that_inboxes_ask_for(stack):
    stack.post(*sign_up("elsa", "en-GB", firstName="Elsa"))
    enrollment = stack.enrolled("elsa")
    mail = eventually(lambda: stack.mails("elsa"), "elsa's first e-mail")[0]
    message = stack.ledger(enrollment.id)[0]

    assert (mail["tags"]["flow"], mail["tags"]["step"]) == ("welcome", "hello")
    assert mail["tags"]["message_id"] == message.id
    assert re.fullmatch(r"<http://127\.0\.0\.1:\d+/u/\S+>", mail["headers"]["List-Unsubscribe"])
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Wool that lasts" in " ".join(mail["text"].split())
    assert "Wool that lasts" in mail["html"]
    assert '<html lang="en' in mail["html"]


@pytest.mark.parametrize(("locale", "says"), [("sv", "Tillbaka till varukorgen"), ("en", "cart")])
def test_a_cart_that_was_left_becomes_an_e_mail_about_its_products(stack, locale, says):
    user_id = f"astrid-{locale}"
    stack.post(identify(user_id, locale), track(user_id, "Email Subscribed"))
    stack.post(stack.cart(user_id, f"cart-{locale}", locale))
    eventually(lambda: len(stack.mails(user_id)) == 2, "the reminder")
    reminder = stack.mails(user_id)[-1]

    assert reminder["tags"]["step"] == "your-cart-misses-you"
    for part in (reminder["text"], reminder["html"]):
        assert stack.products[0].name_in(locale) in part
        assert f"cart=cart-{locale}" in part
        assert says in part
    assert stack.products[0].image_url in reminder["html"]


# 2. A purchase in mid-wait


async def test_a_purchase_in_mid_wait_ends_the_enrollment_within_moments_and_no_e_mail_follows(
    stack, capsys
):
    buyers = [f"buyer-{number}" for number in range(7)]
    stack.post(*[event for user_id in (*buyers, "looker") for event in sign_up(user_id)])
    eventually(lambda: len(stack.mails(*buyers)) == len(buyers), "the first e-mail of each")
    acknowledged = {user_id: stack.post(order(user_id, f"o-{user_id}")) for user_id in buyers}
    took = sorted([await seconds_to_close(stack, *each) for each in acknowledged.items()])
    with capsys.disabled():
        print("\nfrom the 200 to the close, s:", *(f"{each:.3f}" for each in took))  # noqa: T201
    eventually(lambda: len(stack.mails("looker")) > 1, "who did not buy gets the second e-mail")

    # A second on a quiet machine. A busy one must not fail for being busy: it may take longer than
    # the wait, but not for all seven.
    assert any([await ended_in_mid_wait(stack, user_id) for user_id in buyers])
    assert {row.exit_reason for row in stack.selling(*buyers)} == {"converted"}
    steps = {step for user_id in buyers for step in stack.steps(user_id)}
    assert {step for step in steps if step.startswith("welcome/")} == {"welcome/hello"}


async def ended_in_mid_wait(stack: Stack, user_id: str) -> bool:
    """Tell whether a contact's welcome was over before its wait was: the timer did not fire."""
    client = await stack.temporal()
    handle = client.get_workflow_handle(stack.enrolled(user_id).workflow_id)
    told = [event.event_type async for event in handle.fetch_history_events()]
    timers = [each for each in told if each in TIMERS]
    return bool(timers) and timers[-1] == EventType.EVENT_TYPE_TIMER_STARTED


async def seconds_to_close(stack: Stack, user_id: str, since: datetime) -> float:
    """Tell how long after an instant Temporal closed a contact's welcome."""
    client = await stack.temporal()
    handle = client.get_workflow_handle(stack.enrolled(user_id).workflow_id)
    await asyncio.wait_for(handle.result(), PATIENCE)
    return ((await handle.describe()).close_time - since).total_seconds()


# 3. Unsubscribe


def test_one_click_in_the_inbox_ends_every_marketing_flow_of_the_contact(stack):
    enter_both(stack, "leaver")
    enter_both(stack, "stayer")
    reminder = stack.mails("leaver")[-1]
    http_post(
        reminder["headers"]["List-Unsubscribe"].strip("<>"),
        reminder["headers"]["List-Unsubscribe-Post"].encode(),
    )
    eventually(lambda: stack.has_ended("leaver"), "both flows have ended")
    eventually(
        lambda: "cart-abandonment/questions-answered" in stack.steps("stayer"),
        "who stayed gets the next e-mail",
    )

    reasons = {row.flow: row.exit_reason for row in stack.enrollments("leaver")}
    assert reasons == dict.fromkeys(BOTH, "unsubscribed")
    assert len(stack.mails("leaver")) == 2


# 7. A backend with a Temporal client


async def test_a_purchase_signalled_directly_is_a_fact_that_ends_every_flow_of_the_contact(stack):
    welcome, _cart = enter_both(stack, "direct")
    handle = (await stack.temporal()).get_workflow_handle(welcome)
    await handle.signal("purchase", DirectSignal(order_id="till-1", event_id="till-receipt-1"))
    result = await handle.result()
    eventually(lambda: stack.has_ended("direct"), "the cart's flow has heard of it")

    assert result["exit_reason"] == "converted"
    reasons = {row.flow: row.exit_reason for row in stack.selling("direct")}
    assert reasons == dict.fromkeys(BOTH, "converted")
    assert facts(stack, "till-receipt-1") == ["Order Completed"]
    assert orders_of(stack, "direct") == ["till-1"]


async def test_the_same_fact_signalled_to_both_flows_is_recorded_once(stack):
    client = await stack.temporal()
    workflow_ids = enter_both(stack, "twice")
    purchase = DirectSignal(order_id="till-2", event_id="till-receipt-2")
    await asyncio.gather(
        *(client.get_workflow_handle(each).signal("purchase", purchase) for each in workflow_ids)
    )
    eventually(lambda: stack.has_ended("twice"), "both flows have ended")

    assert facts(stack, "till-receipt-2") == ["Order Completed"]
    assert orders_of(stack, "twice") == ["till-2"]


async def test_any_other_event_may_be_signalled_by_its_name(stack):
    _welcome, cart = enter_both(stack, "named")
    handle = (await stack.temporal()).get_workflow_handle(cart)
    await handle.signal("Cart Viewed", DirectSignal(event_id="look-1"))
    await handle.signal("Cart Viewed", DirectSignal(event_id="look-1"))
    await handle.signal("Checkout Started", {"event_id": "checkout-1"})
    result = await handle.result()

    assert result["exit_reason"] == "superseded"
    assert facts(stack, "look-1") == ["Cart Viewed"]
    assert facts(stack, "checkout-1") == ["Checkout Started"]
    assert [row.flow for row in stack.enrollments("named") if row.ended_at is None] == ["welcome"]


async def test_a_payload_that_nobody_knows_breaks_nothing(stack):
    _welcome, cart = enter_both(stack, "strange")
    handle = (await stack.temporal()).get_workflow_handle(cart)
    await handle.signal("Cart Viewed", "a string")
    await handle.signal("Cart Viewed", args=[["a", "list"], {"and": "more"}])
    await handle.signal("Cart Viewed", b"\xff\x00")
    foreign = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"\x00")
    await handle.signal("Cart Viewed", RawValue(foreign))
    torn = Payload(metadata={"encoding": b"json/plain"}, data=b'{"order')
    await handle.signal("Cart Viewed", RawValue(torn))
    assert (await asyncio.wait_for(view_of(handle), 60)).status == "under way"

    await handle.signal("purchase", {"order_id": 1001, "event_id": "till-receipt-3"})
    assert (await asyncio.wait_for(handle.result(), 60))["exit_reason"] == "converted"
    assert orders_of(stack, "strange") == ["1001"]


@pytest.mark.parametrize(
    "payload", [(), ("paid",), (None,), ("two", "values")], ids=["none", "text", "null", "two"]
)
async def test_a_purchase_that_says_nothing_of_its_order_is_a_purchase_all_the_same(
    stack, payload, request
):
    user_id = f"terse-{request.node.callspec.id}"
    stack.post(*sign_up(user_id))
    enrollment = stack.enrolled(user_id)
    eventually(lambda: stack.mails(user_id), "it is under way")
    handle = (await stack.temporal()).get_workflow_handle(enrollment.workflow_id)
    await handle.signal("purchase", args=payload)

    assert (await asyncio.wait_for(handle.result(), 60))["exit_reason"] == "converted"


async def test_a_purchase_signalled_while_an_enrollment_ends_is_a_fact_all_the_same(stack):
    welcome, _cart = enter_both(stack, "late")
    handle = (await stack.temporal()).get_workflow_handle(welcome)
    with stack.database.write() as session:
        session.connection()  # whoever closes the enrollment waits for this transaction's end
        await handle.signal("exit")
        await is_finishing(handle)
        await handle.signal("purchase", DirectSignal(order_id="till-4", event_id="late-receipt"))
    result = await asyncio.wait_for(handle.result(), PATIENCE)

    assert result["exit_reason"] == "cancelled"
    assert facts(stack, "late-receipt") == ["Order Completed"]
    assert orders_of(stack, "late") == ["till-4"]


async def is_finishing(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until the enrollment's end is being written down."""
    async with asyncio.timeout(PATIENCE):
        while not (await handle.describe()).raw_description.pending_activities:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


# 8. What operators see


async def test_operators_see_the_flow_the_version_the_contact_and_why_it_ended(stack):
    stack.post(*sign_up("seen"))
    enrollment = stack.enrolled("seen")
    client = await stack.temporal()
    handle = client.get_workflow_handle(enrollment.workflow_id)
    eventually(lambda: stack.mails("seen"), "the first e-mail")
    stack.post(order("seen", "order-seen"))
    await handle.result()
    seen = await handle.describe()

    assert enrollment.workflow_id == f"welcome/{enrollment.contact_id}"
    assert seen.workflow_type == "welcome"
    assert seen.search_attributes[names.CONTACT_ID] == [enrollment.contact_id]
    assert seen.search_attributes[names.FLOW_VERSION] == ["welcome v3"]
    assert seen.search_attributes[names.EXIT_REASON] == ["converted"]
    assert await seen.static_summary() == f"welcome v3 · {enrollment.contact_id}"
    assert enrollment.id in await seen.static_details()


async def test_operators_see_what_it_waits_for_and_until_when_without_decoding_anything(stack):
    _welcome, cart = enter_both(stack, "watched")
    handle = (await stack.temporal()).get_workflow_handle(cart)
    # A send that took very long has left the instant to be asked for once more.
    while " until " not in (view := await view_of(handle)).doing:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    found = await summaries(handle)

    assert re.fullmatch(r"waits in until-day-one until \d{4}-\d\d-\d\d \d\d:\d\d UTC", view.doing)
    assert metadata.current_details == view.doing
    assert cart.endswith("/cart-watched")
    assert found["TIMER_STARTED"][0].startswith("settle: until ")
    assert found["ACTIVITY_TASK_SCHEDULED"][0] == "your-cart-misses-you"
    assert "your-cart-misses-you: sent" in [line.text for line in view.journal]


async def test_an_enrollment_that_cannot_go_on_is_parked_until_a_person_says_retry(stack):
    stack.post(*sign_up("parked"), put := stack.cart("parked", "cart-parked"))
    enrollment = stack.enrolled("parked", "cart-abandonment")
    take_the_cart_away(stack, "cart-parked")
    eventually(lambda: stack.enrolled("parked", "cart-abandonment").state == "parked", "it parks")
    client = await stack.temporal()
    handle = client.get_workflow_handle(enrollment.workflow_id)
    # The database says so first; the workflow hears of it with the activity's result.
    while names.PARKED_REASON not in (await handle.describe()).search_attributes:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    view = await view_of(handle)
    assert view.status == "parked"
    assert view.doing.endswith("Signal retry, skip or exit.")

    put_it_back(stack, enrollment.contact_id, put)
    starter(stack, "signal", enrollment.workflow_id, "retry")
    eventually(lambda: "cart-abandonment/your-cart-misses-you" in stack.steps("parked"), "it goes")
    assert (await view_of(handle)).status == "under way"
    assert not (await handle.describe()).search_attributes.get(names.PARKED_REASON)
    assert stack.enrolled("parked", "cart-abandonment").state == "active"


def facts(stack: Stack, message_id: str) -> list[str]:
    with stack.database.read() as session:
        query = select(ContactEvent.name).where(ContactEvent.message_id == message_id)
        return list(session.scalars(query))


def orders_of(stack: Stack, user_id: str) -> list[str]:
    contact_id = stack.enrollments(user_id)[0].contact_id
    with stack.database.read() as session:
        return list(session.scalars(select(Order.order_id).where(Order.contact_id == contact_id)))


async def summaries(handle: WorkflowHandle[Any, Any]) -> dict[str, list[str]]:
    """Read the summaries that the UI shows beside timers and activities, by kind of event."""
    found: dict[str, list[str]] = {}
    async for event in handle.fetch_history_events():
        if event.user_metadata.HasField("summary"):
            kind = event.DESCRIPTOR.fields_by_name["event_type"].enum_type
            name = kind.values_by_number[event.event_type].name.removeprefix("EVENT_TYPE_")
            found.setdefault(name, []).append(json.loads(event.user_metadata.summary.data))
    return found


# 6. Beside the Temporal UI


def lines_with(stack: Stack, service: str, *said: str) -> list[str]:
    return [line for line in stack.log(service).splitlines() if all(each in line for each in said)]


def test_one_id_leads_through_the_logs_from_the_post_to_the_e_mail_and_its_report(stack):
    signed_up, subscribed = sign_up("follow")
    stack.post(signed_up, subscribed)
    event_id = subscribed["messageId"]
    message = eventually(lambda: stack.ledger(stack.enrolled("follow").id), "a message")[0]
    reported = ("action=message_reported", message.id, "kind=delivered")
    eventually(lambda: lines_with(stack, "worker", *reported), "SES's report is in the log")
    [stored] = lines_with(stack, "api", event_id)
    [started] = lines_with(stack, "relay", event_id)
    [sent] = eventually(lambda: lines_with(stack, "worker", event_id), "it is logged as accepted")

    assert "action=events_stored" in stored
    assert "accepted=2" in stored
    enrollment = f"enrollment_id={message.enrollment_id}"
    assert all(said in started for said in ("action=enrollment_started", enrollment))
    assert all(said in sent for said in ("action=message_sent", enrollment, message.id))
    logs = "".join(stack.log(name) for name in ("api", "relay", "worker"))
    assert "@example.com" not in logs


def test_worker_and_relay_tell_prometheus_what_they_have_done(stack):
    stack.post(*sign_up("counted"))
    eventually(lambda: stack.mails("counted"), "an e-mail")
    ports = stack.site.ports
    told = {
        name: http_get(f"http://127.0.0.1:{port}/metrics")
        for name, port in (("worker", ports.worker_health), ("relay", ports.relay_health))
    }

    sent = r'sekvens_sends_total{flow="welcome",outcome="sent",purpose="marketing"} [1-9]'
    assert re.search(sent, told["worker"])
    assert re.search(r'sekvens_ses_call_seconds_count{outcome="accepted"} [1-9]', told["worker"])
    assert re.search(r'sekvens_relay_lag_seconds_count{what="start"} [1-9]', told["relay"])
    for text in told.values():
        assert "sekvens_database_up 1.0" in text
        assert re.search(r"sekvens_ses_rate_max [1-9]", text)
        assert not re.search(r"[cem]-[a-z2-7]{16}", text)


def take_the_cart_away(stack: Stack, cart_id: str) -> None:
    """Lose a cart that a reminder is about to speak of."""
    with stack.database.write() as session:
        session.execute(delete(Cart).where(Cart.cart_id == cart_id))


def put_it_back(stack: Stack, contact_id: str, put: dict[str, Any]) -> None:
    with stack.database.write() as session:
        session.add(
            Cart(
                contact_id=contact_id,
                cart_id=put["properties"]["cart_id"],
                lines=[put["properties"]],
                currency="SEK",
                updated_at=stack.shop_now(),
            )
        )


def starter(stack: Stack, *arguments: str) -> str:
    """Run the command line as operators do."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "starter.py"), *arguments],
        env=dict(stack.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
