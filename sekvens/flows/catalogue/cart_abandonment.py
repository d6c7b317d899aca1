"""Cart abandonment: up to five e-mails to somebody who filled a cart and went away.

What it is for: to remind, then to answer what may have stopped them. Only those who have never
ordered may be offered something, or regular customers would learn to leave their carts.

Why these times: four quiet hours tell a cart that was left from one that is being filled; every
product added starts them anew. The reminder follows at once, and not at all when it is twelve hours
late. Questions are answered on day 1, worries on day 2, an incentive comes on day 4, the goodbye on
day 7. Days count from the product added last. From the second e-mail on they come at nine in the
morning where the contact lives: each wait is half a day short of its days, so that the next nine
o'clock is the one nearest to the day meant. Who looks at the cart again after day 2 is thinking
about it: they are left in peace for a day and get no incentive, only the goodbye.

What is not known: whether any incentive earns more than it costs. So the lot gives each of those
who have never ordered one of five: nothing at all, a letter without an offer, free shipping, a
percentage or a gift. The last four are compared with the first, by what contacts order for after
the incentive's cost.

How long it takes: where 4 % order in these days, 22,500 contacts find, four times in five, an
incentive by which they order for half as much again. For a quarter more it takes 90,000. That is a
large shop's experiment: with fewer than 60 such contacts a day it lasts longer than a year. A
smaller shop leaves variants out; of two, 6,400 contacts find as much as these five.

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
LATE = days(1)

CART_ABANDONMENT: Flow = flow(
    "cart-abandonment",
    version=4,
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
    successors={"does-the-nudge-pay": "which-incentive"},
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
                            "which-incentive",
                            # First, so that each incentive is held against nothing.
                            holdout(),
                            # All by one limit: later, little would be left of what they offer.
                            variant("none", send("just-a-letter", lateness_max=LATE)),
                            variant(
                                "free-shipping",
                                send("the-ride-is-free", offer="free-shipping", lateness_max=LATE),
                            ),
                            variant(
                                "percentage",
                                send("a-small-nudge", offer="nudge", lateness_max=LATE),
                            ),
                            variant(
                                "gift",
                                send("something-extra", offer="gift", lateness_max=LATE),
                            ),
                            contacts=22_500,
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
