"""Post-purchase, returning: three to five e-mails to somebody who has bought from us before.

What it is for: a customer who came back is greeted as one. Thanks that know them, what fits what
they own, a first look at what is coming, a word from them to others, and where they stand with us.
The best of them (the segment `vip`) get three letters of their own instead, as one person writes to
another: thanks from the one who made it, the door held open, a question. Nothing is reduced.

Why these times: day 2, 6, 12, 18 and 25 after the delivery, further apart than for a first order,
because they know us; for the best, day 3, 14 and 28. At the hour that suits the contact, or nine;
what asks them something comes on a working day around noon.

Who leaves: whoever orders again (this flow begins anew with the newer order), and whoever gets
their money back, cancels or complains.
"""

from sekvens.flows.asking import happened, subscribed
from sekvens.flows.builder import (
    MARKETING,
    WORKDAYS,
    best_time,
    case,
    days,
    event,
    exit_on,
    flow,
    goal,
    once_each,
    send,
    split,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.segments import VIP, in_segment
from sekvens.flows.steps import ExitReason

GOOD_HOUR = best_time("08:00", "20:00", otherwise="09:00")
LUNCH = best_time("11:30", "13:00", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(3))
ANOTHER_ORDER = event("Order Completed", other="order_id")

POST_PURCHASE_RETURNING: Flow = flow(
    "post-purchase-returning",
    version=3,
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
        split(
            "is-a-vip",
            case(
                in_segment(VIP),
                wait("until-three-days-after", days(2.5), until=GOOD_HOUR),
                send("from-the-one-who-made-it"),
                wait("until-a-fortnight-after", days(10.5), until=GOOD_HOUR),
                send("before-the-others"),
                wait("until-four-weeks-after", days(13.5), until=LUNCH),
                send("what-would-you-change"),
            ),
            otherwise=[
                wait("until-two-days-after", days(1.5), until=GOOD_HOUR),
                send("good-to-see-you"),
                wait("until-six-days-after", days(3.5), until=GOOD_HOUR),
                send("fits-what-you-own"),
                wait("until-twelve-days-after", days(5.5), until=GOOD_HOUR),
                send("a-first-look"),
                wait("until-eighteen-days-after", days(5.5), until=LUNCH),
                send("write-a-review"),
                wait("until-twenty-five-days-after", days(6.5), until=GOOD_HOUR),
                send("where-you-stand"),
            ],
        ),
    ],
)
