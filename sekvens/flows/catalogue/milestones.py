"""Milestones: three e-mails in the first year with what somebody bought.

What it is for: to be there when nothing is for sale. After six weeks what it has done for them,
after three months where they stand with us, after a year a personal look at what they own.

Why these times: six weeks and three months after the first delivery, and the anniversary of the
first order, each at nine where the contact lives.

Who leaves: whoever got their money back, or cancelled. A newer order changes nothing: the year goes
on.
"""

from sekvens.flows.asking import happened, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    anniversary_of,
    days,
    event,
    exit_on,
    flow,
    local_time,
    once,
    send,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")
THE_ANNIVERSARY = anniversary_of("Order Completed", at="09:00")

MILESTONES: Flow = flow(
    "milestones",
    version=2,
    purpose=MARKETING,
    trigger=event("Order Completed"),
    entry_key="order_id",
    trigger_when=[not_(happened("Order Completed", times=2, each="order_id"))],
    entry=[subscribed()],
    reentry=once(),
    exit_when=[
        exit_on(event("Order Refunded", same="order_id"), ExitReason.NO_LONGER_MATCHES),
        exit_on(event("Order Cancelled", same="order_id"), ExitReason.NO_LONGER_MATCHES),
    ],
    steps=[
        wait_for("delivered", event("Order Delivered", same="order_id"), timeout=days(5)),
        wait("until-six-weeks", days(41.5), until=MORNING),
        send("six-weeks"),
        wait("until-three-months", days(48.5), until=MORNING),
        send("three-months"),
        wait("until-the-anniversary", days(180), until=THE_ANNIVERSARY),
        send("one-year"),
    ],
)
