"""Post-purchase, returning: five e-mails to somebody who has bought from us before.

What it is for: a customer who came back is greeted as one. Thanks that know them, what fits what
they own, a first look at what is coming, a word from them to others, and where they stand with us.

Why these times: day 2, 6, 12, 18 and 25 after the delivery, at nine where the contact lives:
further apart than for a first order, because they know us.

Who leaves: whoever orders again (this flow begins anew with the newer order), and whoever gets
their money back, cancels or complains.
"""

from sekvens.flows.asking import happened, subscribed
from sekvens.flows.builder import (
    MARKETING,
    days,
    event,
    exit_on,
    flow,
    goal,
    local_time,
    once_each,
    send,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")
ANOTHER_ORDER = event("Order Completed", other="order_id")

POST_PURCHASE_RETURNING: Flow = flow(
    "post-purchase-returning",
    version=2,
    purpose=MARKETING,
    trigger=event("Order Completed"),
    entry_key="order_id",
    trigger_when=[happened("Order Completed", times=2, each="order_id")],
    entry=[subscribed()],
    reentry=once_each(),
    exit_when=[
        exit_on(ANOTHER_ORDER, ExitReason.CONVERTED),
        exit_on(event("Order Refunded", same="order_id"), ExitReason.NO_LONGER_MATCHES),
        exit_on(event("Order Cancelled", same="order_id"), ExitReason.NO_LONGER_MATCHES),
        exit_on("Complaint Opened", ExitReason.NO_LONGER_MATCHES),
    ],
    goal=goal(ANOTHER_ORDER, within=days(60)),
    steps=[
        # Without word of the delivery, five days after the order count as the day.
        wait_for("delivered", event("Order Delivered", same="order_id"), timeout=days(5)),
        wait("until-two-days-after", days(1.5), until=MORNING),
        send("good-to-see-you"),
        wait("until-six-days-after", days(3.5), until=MORNING),
        send("fits-what-you-own"),
        wait("until-twelve-days-after", days(5.5), until=MORNING),
        send("a-first-look"),
        wait("until-eighteen-days-after", days(5.5), until=MORNING),
        send("write-a-review"),
        wait("until-twenty-five-days-after", days(6.5), until=MORNING),
        send("where-you-stand"),
    ],
)
