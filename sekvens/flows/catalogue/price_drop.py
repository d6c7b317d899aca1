"""Price drop: one e-mail to somebody who was interested in what now costs less.

What it is for: to say so to whoever put it into a cart, asked for it, or looked at it in the last
60 days. It is news only if it costs a tenth less than at any time in the 30 days before, and in a
sale of the whole shop nobody is told of each product.

Why these times: the next morning, at nine where the contact lives. A price is no emergency.

Who enters: nobody who has bought it, has ordered in the last week, or is asked about their cart
already; once in two weeks. Who leaves: whoever orders. What has sold out or costs more again by
the morning is not written of.
"""

from sekvens.flows.asking import (
    happened,
    in_flow,
    not_,
    owns_product,
    price_stands,
    product_in_stock,
    subscribed,
)
from sekvens.flows.builder import (
    MARKETING,
    after,
    days,
    event,
    exit_on,
    flow,
    goal,
    local_time,
    send,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

PRICE_DROP: Flow = flow(
    "price-drop",
    version=1,
    purpose=MARKETING,
    trigger=event("Product Price Dropped"),
    entry_key="product_id",
    trigger_when=[
        not_(owns_product()),
        not_(in_flow("cart-abandonment")),
        not_(in_flow("checkout-abandonment")),
    ],
    entry=[subscribed(), not_(happened("Order Completed", within=days(7)))],
    stay_while=[product_in_stock(), price_stands()],
    reentry=after(days(14)),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    goal=goal("Order Completed", within=days(7)),
    steps=[
        wait("until-morning", until=MORNING),
        send("it-costs-less", lateness_max=days(1)),
    ],
)
