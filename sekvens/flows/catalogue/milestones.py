"""Milestones: three e-mails in the first year with what somebody bought.

What it is for: to be there when nothing is for sale. After six weeks what it has done for them,
after three months where they stand with us, after a year a personal look at what they own.

Why these times: six weeks and three months after the first delivery, and the anniversary of the
first order. Who is expected to order within the third month, where a model is trusted to tell,
hears after two where they stand: before that order, and not behind it. The first comes at the hour
that suits the contact, or nine; the second asks something, on a working day around noon.

Who leaves: whoever got their money back, or cancelled. A newer order changes nothing: the year goes
on.
"""

from sekvens.flows.asking import happened, not_, order_expected, subscribed
from sekvens.flows.builder import (
    MARKETING,
    WORKDAYS,
    anniversary_of,
    best_time,
    case,
    days,
    event,
    exit_on,
    flow,
    once,
    send,
    split,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

GOOD_HOUR = best_time("08:00", "20:00", otherwise="09:00")
LUNCH = best_time("11:30", "13:00", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(3))
THE_ANNIVERSARY = anniversary_of("Order Completed", at="09:00")

MILESTONES: Flow = flow(
    "milestones",
    version=3,
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
        wait("until-six-weeks", days(41.5), until=GOOD_HOUR),
        send("six-weeks"),
        wait("until-two-months", days(20.5), until=LUNCH),
        split(
            "orders-soon",
            case(order_expected(within=days(30))),
            otherwise=[wait("until-three-months", days(27.5), until=LUNCH)],
        ),
        send("three-months"),
        wait("until-the-anniversary", days(180), until=THE_ANNIVERSARY),
        send("one-year"),
    ],
)
