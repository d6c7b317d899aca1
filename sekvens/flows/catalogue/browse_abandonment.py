"""Browse abandonment: two to five e-mails to somebody who keeps coming back to one product.

What it is for: three looks in a week are a question. The first two e-mails show the product and
what others choose; the rest are for those alone who have looked again since: how it is used, who
makes it, what people ask. Whoever was only curious hears no more.

Why these times: four quiet hours after the last look, because one look more is no reason to write.
Day 1, 3, 5 and 8, at the hour at which the contact likes to look, or nine until that is known.

Who leaves: whoever puts something into the cart, starts the checkout or orders: deeper flows take
over.
"""

from sekvens.flows.asking import happened, in_flow, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    best_time,
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

GOOD_HOUR = best_time("08:00", "20:00", otherwise="09:00")
A_LOOK = event("Product Viewed", same="product_id")

BROWSE_ABANDONMENT: Flow = flow(
    "browse-abandonment",
    version=2,
    purpose=MARKETING,
    trigger=event("Product Viewed"),
    entry_key="product_id",
    trigger_when=[
        happened(A_LOOK, times=3, within=days(7)),
        not_(happened(event("Product Added", same="product_id"))),
        not_(in_flow("cart-abandonment")),
        not_(in_flow("checkout-abandonment")),
    ],
    entry=[subscribed(), not_(happened("Order Completed", within=days(10)))],
    reentry=after(days(14)),
    exit_when=[
        exit_on("Product Added", ExitReason.SUPERSEDED),
        exit_on("Checkout Started", ExitReason.SUPERSEDED),
        exit_on("Order Completed", ExitReason.CONVERTED),
    ],
    goal=goal("Order Completed", within=days(5)),
    steps=[
        wait("settle", hours(4), restart_on=A_LOOK),
        send("still-thinking", lateness_max=hours(12)),
        wait("until-day-one", hours(8), until=GOOD_HOUR),
        send("what-people-choose"),
        wait("until-day-three", days(1.5), until=GOOD_HOUR),
        split(
            "looked-again-by-day-three",
            case(happened(A_LOOK, within=days(2)), send("how-others-use-it")),
            otherwise=[],
        ),
        wait("until-day-five", days(1.5), until=GOOD_HOUR),
        split(
            "looked-again-by-day-five",
            case(happened(A_LOOK, within=days(2)), send("who-makes-it")),
            otherwise=[],
        ),
        wait("until-day-eight", days(2.5), until=GOOD_HOUR),
        split(
            "looked-again-by-day-eight",
            case(happened(A_LOOK, within=days(3)), send("before-you-decide")),
            otherwise=[],
        ),
    ],
)
