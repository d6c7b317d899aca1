"""Back in stock: one e-mail to somebody who waits for a product that had sold out.

What it is for: who asked to be told gets what they asked for, and nothing else, whether they want
our marketing or not. Who put it into a cart, or looked at it in the last 60 days, gets a friendlier
one, if they want our marketing.

Why these times: an hour after the product is back, so that a slip of the stock count shows first.
It does not wait for the morning: by then it may be gone. Quiet hours hold what nobody asked for.

Who leaves: whoever orders, and whoever unsubscribes. If the product sells out again within the
hour, nobody is told.
"""

from sekvens.flows.asking import any_of, happened, product_in_stock, subscribed
from sekvens.flows.builder import (
    MARKETING,
    TRANSACTIONAL,
    always,
    case,
    days,
    event,
    exit_on,
    flow,
    goal,
    hours,
    send,
    split,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

BACK = "Product Back In Stock"
ASKED = happened(event(BACK, same="product_id", because="asked"), within=days(4))

BACK_IN_STOCK: Flow = flow(
    "back-in-stock",
    version=1,
    purpose=MARKETING,
    trigger=event(BACK),
    entry_key="product_id",
    entry=[any_of(subscribed(), ASKED)],
    stay_while=[product_in_stock()],
    reentry=always(),
    exit_when=[
        exit_on("Order Completed", ExitReason.CONVERTED),
        exit_on("Unsubscribed", ExitReason.UNSUBSCRIBED),
    ],
    goal=goal("Order Completed", within=days(7)),
    steps=[
        wait("an-hour", hours(1)),
        split(
            "asked-for-it",
            case(
                ASKED,
                send(
                    "as-you-asked",
                    purpose=TRANSACTIONAL,
                    because="the contact asked to be told of this product, and it says no more",
                    lateness_max=days(2),
                ),
            ),
            otherwise=[send("it-is-back", lateness_max=days(1))],
        ),
    ],
)
