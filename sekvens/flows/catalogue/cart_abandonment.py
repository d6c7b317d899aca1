"""Cart abandonment: up to five e-mails to somebody who filled a cart and went away.

What it is for: to remind, then to answer what may have stopped them. Only those who have never
ordered are offered something, or regular customers would learn to leave their carts.

Why these times: four quiet hours tell a cart that was left from one that is being filled; every
product added starts them anew. The reminder follows at once, and not at all when it is twelve hours
late. Questions are answered on day 1, worries on day 2, the nudge comes on day 4, the goodbye on
day 7. Days count from the product added last. From the second e-mail on they come at nine in the
morning where the contact lives: each wait is half a day short of its days, so that the next nine
o'clock is the one nearest to the day meant. Who looks at the cart again after day 2 is thinking
about it: they are left in peace for a day and get no nudge, only the goodbye.

What is not known: whether the nudge pays. Half of those who would get it are left alone, by lot,
until what contacts order for has shown which is better.

Who leaves: whoever orders, starts the checkout (its own e-mails take over) or empties the cart, and
everybody whose cart is sold out.
"""

from sekvens.flows.asking import happened, in_flow, in_stock, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    case,
    days,
    event,
    exit_on,
    flow,
    goal,
    hours,
    local_time,
    send,
    split,
    wait,
    wait_for,
)
from sekvens.flows.definition import Flow
from sekvens.flows.experimenting import REVENUE, experiment, holdout, variant
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

CART_ABANDONMENT: Flow = flow(
    "cart-abandonment",
    version=3,
    purpose=MARKETING,
    trigger=event("Product Added"),
    entry_key="cart_id",
    trigger_when=[not_(in_flow("checkout-abandonment"))],
    entry=[subscribed(), not_(happened("Order Completed", within=days(1)))],
    stay_while=[in_stock()],
    reentry=after(days(7)),
    exit_when=[
        exit_on("Order Completed", ExitReason.CONVERTED),
        exit_on("Checkout Started", ExitReason.SUPERSEDED),
        exit_on("Payment Pending", ExitReason.NO_LONGER_MATCHES),
        exit_on("Cart Emptied", ExitReason.NO_LONGER_MATCHES),
    ],
    goal=goal("Order Completed", within=days(5)),
    steps=[
        wait("settle", hours(4), restart_on="Product Added"),
        send("your-cart-misses-you", lateness_max=hours(12)),
        wait("until-day-one", hours(8), until=MORNING),
        send("questions-answered"),
        wait("until-day-two", days(0.5), until=MORNING),
        send("nothing-to-lose"),
        wait_for(
            "looked-again",
            event("Cart Viewed"),
            timeout=days(2),
            then=[wait("a-pause", days(1))],
            otherwise=[
                split(
                    "never-ordered",
                    case(
                        not_(happened("Order Completed")),
                        experiment(
                            "does-the-nudge-pay",
                            # Later than this, little would be left of the seven days it holds.
                            variant(
                                "nudge",
                                send("a-small-nudge", offer="nudge", lateness_max=days(1)),
                            ),
                            holdout(),
                            contacts=4_000,
                            measure=REVENUE,
                        ),
                    ),
                    otherwise=[],
                ),
            ],
        ),
        wait("until-day-seven", days(2.5), until=MORNING),
        send("last-word"),
    ],
)
