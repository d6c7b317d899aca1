"""A story that is lived in memory and on the real services has the same trace on both.

What was sent, what was skipped and why, and how each enrollment ended. The services are the real
ones (Temporal, worker, relay, API, database, local SES) under a shop clock whose days are short.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sekvens.demo.products import Product
from sekvens.flows.catalogue import CATALOGUE
from sekvens.messages.tables import MessageState
from sekvens.segments.memory import PastEvent
from sekvens.settings import load_settings
from sekvens.simulator.acts import read_act
from sekvens.simulator.foresight import live
from sekvens.simulator.moments import Lived, What
from sekvens.simulator.stage import set_stage
from sekvens.simulator.story import Person, Story
from sekvens.simulator.timeline import sorted_by_flow, trace
from tests.e2e.stack import (
    Stack,
    eventually,
    identify,
    logs_on_failure,
    running_stack,
    sign_up,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: How many seconds a day lasts. A machine that is too busy to keep such a clock proves nothing, and
#: the story is told again with longer days.
DAYS_LAST = (12.0, 40.0)
#: Everything in the stories is this far away from what it must not overtake.
LATE = timedelta(hours=4)
#: Until the third day, before anybody gets up.
LENGTH = timedelta(days=2, hours=17)
CALM = {
    "SENDING__QUIET_FROM": "21:00",
    "SENDING__QUIET_UNTIL": "08:00",
    "SENDING__MARKETING_PER_DAY": "1",
    "SENDING__MARKETING_PER_WEEK": "4",
}
STORIES = {
    "anna": ("subscribes",),
    "berit": (
        "subscribes",
        "puts {product} into the cart on day 1 at 08:00",
        "buys {product} on day 2 at 19:00",
    ),
    "cecilia": ("subscribes", "unsubscribes on day 1"),
    "doris": (
        "subscribes",
        "looks at {product} on day 1 at 08:00",
        "looks at {product} on day 1 at 08:20",
        "looks at {product} on day 1 at 08:40",
        "puts {product} into the cart on day 2 at 19:00",
    ),
    "ebba": ("subscribes", "pauses for 30 days on day 1"),
    "frida": ("puts {product} into the cart on day 1", "buys {product} on day 1 at 18:00"),
}


def test_a_story_has_the_same_trace_in_memory_and_on_the_real_services(tmp_path_factory, request):
    for day_seconds in DAYS_LAST:
        folder = tmp_path_factory.mktemp("story")
        with running_stack(folder, day_seconds=day_seconds, settings=CALM) as stack:
            lived, lateness = tell_it(stack)
            with logs_on_failure(stack, request):
                if lateness > LATE and day_seconds != DAYS_LAST[-1]:
                    continue
                compare(stack, lived, lateness)
                return


def tell_it(stack: Stack) -> tuple[dict[str, Lived], timedelta]:
    """Let everybody act on the services as they did in memory; tell how late those were."""
    stack.post(*sign_up("early"))  # the first workflow of a worker is slow
    eventually(lambda: stack.mails("early"), "the worker is warm")
    starts = next_noon(stack.shop_now())
    lived = {person.name: live_it(stack, person, starts) for person in people(stack)}
    stack.post(*[identify(name, timezone="Europe/Stockholm") for name in lived])
    act_it_out(stack, lived, starts)
    return lived, max(lateness_of(stack, lived))


def compare(stack: Stack, lived: dict[str, Lived], lateness: timedelta) -> None:
    wanted = {name: trace(each) for name, each in lived.items()}
    kinds = {line.split()[1] for lines in wanted.values() for line in lines}
    assert kinds == {What.SENT, What.SKIPPED, What.LEFT}
    assert {name: told(stack, name) for name in lived} == wanted, f"late by {lateness}"
    # Whoever was refused a flow in memory did not enter it here.
    assert {name: flows(stack, name) for name in lived} == {
        name: sorted(stay.flow for stay in each.stays) for name, each in lived.items()
    }


def lateness_of(stack: Stack, lived: dict[str, Lived]) -> Iterator[timedelta]:
    """Tell by how much each e-mail left later than in memory; one that did not, by a day."""
    for name, each in lived.items():
        taken = {
            (message.flow, message.step_id): message.sent_on
            for row in stack.enrollments(name)
            for message in stack.ledger(row.id)
            if message.sent_on is not None
        }
        for email in each.sent():
            left = taken.get((email.flow, email.step))
            yield left - email.at if left is not None else timedelta(days=1)


def people(stack: Stack) -> list[Person]:
    product = stack.products[0].product_id
    return [
        Person(
            name=name,
            zone="Europe/Stockholm",
            acts=tuple(read_act(sentence.format(product=product)) for sentence in does),
        )
        for name, does in STORIES.items()
    ]


def live_it(stack: Stack, person: Person, starts: datetime) -> Lived:
    settings = load_settings(stack.environ)
    stage = set_stage(Story(name="real", about="", starts=starts, days=3), settings, CATALOGUE)
    speed = settings.shop_time().speed
    return live(replace(stage, ends=starts + LENGTH, speed=speed), person)


def next_noon(now: datetime) -> datetime:
    """Tell the first noon for which there is time to get ready."""
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    return noon if noon - now > timedelta(hours=6) else noon + timedelta(days=1)


def act_it_out(stack: Stack, lived: dict[str, Lived], starts: datetime) -> None:
    """Post what contacts do when they do it, then wait for the evening of the last day."""
    events = [
        (event.occurred_at, name, event) for name, each in lived.items() for event in each.events
    ]
    for at, name, event in sorted(events, key=lambda each: each[:2]):
        wait_until(stack, at)
        stack.post(track(name, event.name, properties(event, stack.products)))
    wait_until(stack, starts + LENGTH)
    stack.stop("worker")  # so that it ends here for the services, too


def wait_until(stack: Stack, at: datetime) -> None:
    eventually(lambda: stack.shop_now() >= at, f"it is {at}")


def properties(event: PastEvent, products: list[Product]) -> dict[str, Any]:
    """Say of products what a shop says of them."""
    told = dict(event.properties)
    known = products[0].properties("sv")
    if "products" in told:
        told |= {"products": [{**known, "quantity": 1}], "total": 459}
    return told | known if "product_id" in told else told


def told(stack: Stack, name: str) -> list[str]:
    """Write the trace that the database tells."""
    lines = []
    for row in stack.enrollments(name):
        for message in stack.ledger(row.id):
            if message.state == MessageState.ACCEPTED:
                lines.append((row.flow, f"{What.SENT} {message.step_id}"))
            elif message.state == MessageState.SKIPPED:
                said = f"{What.SKIPPED} {message.step_id} {message.skip_reason}"
                lines.append((row.flow, said))
        if row.exit_reason is not None:
            lines.append((row.flow, f"{What.LEFT} {row.exit_reason}"))
    return sorted_by_flow(lines)


def flows(stack: Stack, name: str) -> list[str]:
    return sorted(row.flow for row in stack.enrollments(name))
