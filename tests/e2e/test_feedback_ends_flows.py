"""What the local SES reports, through either door, ends the contact's flows within moments."""

import json
import time
from collections.abc import Iterator

import pytest

from sekvens.web.sns import PATH
from tests.e2e.stack import (
    Stack,
    eventually,
    http_post,
    logs_on_failure,
    running_stack,
    sign_up,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

DAY_SECONDS = 12.0
#: A second or two on a quiet machine (what it took is printed); a busy one must not fail for being
#: busy. The flows would go on for weeks of the shop's time, many minutes here.
MOMENTS = 60.0


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("feedback"), day_seconds=DAY_SECONDS) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


def press(stack: Stack, user_id: str, button: str) -> float:
    """Press a button of the inbox at a contact's last e-mail; tell when."""
    mail = eventually(lambda: stack.mails(user_id), f"{user_id}'s first e-mail")[-1]
    at = time.monotonic()
    http_post(f"{stack.site.inbox_url}/messages/{mail['id']}/{button}", b"", {})
    return at


def left(stack: Stack, user_id: str) -> set[str | None]:
    """Wait until no flow of a contact goes on; tell why they ended."""
    rows = eventually(
        lambda: (
            (found := stack.enrollments(user_id)) and all(r.exit_reason for r in found) and found
        ),
        f"the flows of {user_id} end",
    )
    return {row.exit_reason for row in rows}


@pytest.mark.parametrize(
    ("button", "reason"),
    [("bounce", "suppressed"), ("complaint", "suppressed"), ("unsubscribe", "unsubscribed")],
)
def test_a_button_of_the_inbox_ends_the_contacts_flows_within_moments(
    stack: Stack, button: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    user_id = f"reader-{button}"
    stack.post(*sign_up(user_id), stack.cart(user_id, f"cart-{button}"))
    begun = press(stack, user_id, button)
    reasons, took = left(stack, user_id), time.monotonic() - begun
    with capsys.disabled():
        print(f"\nfrom the button {button} to the end of the flows: {took:.1f} s")  # noqa: T201

    assert reasons == {reason}
    assert took < MOMENTS


def test_the_other_door_ends_flows_as_well(stack: Stack) -> None:
    endpoint = json.dumps({"endpoint": f"{stack.site.api_url}{PATH}"}).encode()
    url = f"{stack.site.inbox_url}/_local/subscriptions"
    http_post(url, endpoint, {"Content-Type": "application/json"})
    eventually(lambda: "sns_subscribed" in stack.log("api"), "the subscription is confirmed")
    stack.post(*sign_up("reader-of-both"))
    press(stack, "reader-of-both", "bounce")

    assert left(stack, "reader-of-both") == {"suppressed"}
