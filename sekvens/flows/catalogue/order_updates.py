"""Order updates: what somebody who has ordered is owed, from the confirmation to the refund.

What it is for: to say what has happened and what happens next, in the order in which it happens.
It is order mail and no marketing: it needs no consent, and it goes on after an unsubscribe.

Why these times: the confirmation at once, each other e-mail on its event, whatever the order in
which the events come. What has been overtaken is left out: nobody is told that a parcel is on its
way when it has arrived. For 90 days: a parcel may be late, and a return takes its time.

Who leaves: an order that is cancelled needs no more updates.

Shops whose platform sends this mail switch the flow off: `[flows] off = ["order-updates"]`.
"""

from sekvens.flows.asking import happened, not_
from sekvens.flows.builder import (
    TRANSACTIONAL,
    case,
    days,
    event,
    exit_on,
    flow,
    listen,
    on,
    once_each,
    send,
    split,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

ON_ITS_WAY = not_(happened(event("Order Delivered", same="order_id")))

ORDER_UPDATES: Flow = flow(
    "order-updates",
    version=1,
    purpose=TRANSACTIONAL,
    trigger=event("Order Completed"),
    entry_key="order_id",
    reentry=once_each(),
    exit_when=[
        exit_on(event("Order Cancelled", same="order_id"), ExitReason.NO_LONGER_MATCHES),
    ],
    steps=[
        send("order-confirmation"),
        listen(
            "the-order",
            on(
                event("Order Shipped", same="order_id"),
                split("is-on-its-way", case(ON_ITS_WAY, send("order-shipped")), otherwise=[]),
            ),
            on(
                event("Order Ready for Pickup", same="order_id"),
                split("is-to-be-fetched", case(ON_ITS_WAY, send("ready-for-pickup")), otherwise=[]),
            ),
            on(
                event("Order Delayed", same="order_id"),
                split("is-still-late", case(ON_ITS_WAY, send("order-delayed")), otherwise=[]),
            ),
            on(event("Order Delivered", same="order_id"), send("order-delivered")),
            on(event("Order Refunded", same="order_id"), send("order-refunded")),
            lasts=days(90),
        ),
    ],
)
