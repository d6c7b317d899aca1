"""Post-purchase, first order: five e-mails to somebody who has bought from us for the first time.

What it is for: that what they bought serves them well, and that they come to know us. It teaches
before it asks (use and care, then how it went, then a review), meets doubts and returns with
sympathy, and only then says what goes with it. How something is used is told by its category; of an
order from several, the first below counts. A shop with other categories writes its own here.

Why these times: day 2, 7, 12, 16 and 21 after the delivery: long enough to have used it once, to
have an opinion, to have lived with it. At the hour that suits the contact, or nine; what asks them
something comes on a working day around noon, and what follows it by so much later.

Who leaves: whoever orders again (the flow for returning customers takes over), and whoever gets
their money back, cancels or complains.
"""

from sekvens.flows.asking import happened, not_, ordered, subscribed
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
from sekvens.flows.steps import ExitReason

GOOD_HOUR = best_time("08:00", "20:00", otherwise="09:00")
LUNCH = best_time("11:30", "13:00", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(3))
ANOTHER_ORDER = event("Order Completed", other="order_id")

POST_PURCHASE_FIRST: Flow = flow(
    "post-purchase-first",
    version=3,
    purpose=MARKETING,
    trigger=event("Order Completed"),
    entry_key="order_id",
    trigger_when=[not_(happened("Order Completed", times=2, each="order_id"))],
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
        wait("until-two-days-after", days(1.5), until=GOOD_HOUR),
        split(
            "what-they-bought",
            case(ordered(category="jumpers"), send("a-jumper-at-home")),
            case(ordered(category="base-layers"), send("next-to-the-skin")),
            case(ordered(category="blankets"), send("a-blanket-in-the-house")),
            case(ordered(category="mittens"), send("mittens-outdoors")),
            case(ordered(category="socks"), send("socks-that-last")),
            case(ordered(category="accessories"), send("a-hat-and-a-scarf")),
            case(ordered(category="mending"), send("your-first-mend")),
            otherwise=[send("how-to-use-it")],
        ),
        wait("until-seven-days-after", days(4.5), until=LUNCH),
        send("how-was-it"),
        wait("until-twelve-days-after", days(4.5), until=LUNCH),
        send("write-a-review"),
        wait("until-sixteen-days-after", days(3.5), until=GOOD_HOUR),
        send("if-in-doubt"),
        wait("until-twenty-one-days-after", days(4.5), until=GOOD_HOUR),
        send("goes-well-with"),
    ],
)
