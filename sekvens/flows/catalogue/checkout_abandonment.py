"""Checkout abandonment: up to five e-mails to somebody who was about to pay and did not.

What it is for: they had decided, and something came in between. So it asks whether something broke,
then answers what a stranger wonders before paying: whom they are dealing with, what happens if it
does not fit, what is promised. Last, a person offers help. Nothing is reduced.

Why these times: a quiet hour tells a checkout that was left from one that is being filled in. The
first e-mail follows at once, past the frequency cap, because it may be about a fault of ours; it
is not sent at all when it is twelve hours late. The second comes 20 hours after the start. Then
day 2, 4 and 7, at nine where the contact lives.

Who leaves: whoever orders, and whoever has chosen to pay later (an invoice, Klarna, a Swish payment
that is under way): that is no abandonment.
"""

from sekvens.flows.asking import happened, in_stock, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    days,
    event,
    exit_on,
    flow,
    goal,
    hours,
    local_time,
    send,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

CHECKOUT_ABANDONMENT: Flow = flow(
    "checkout-abandonment",
    version=1,
    purpose=MARKETING,
    trigger=event("Checkout Started"),
    entry_key="cart_id",
    entry=[subscribed(), not_(happened("Order Completed", within=days(1)))],
    stay_while=[in_stock()],
    reentry=after(days(7)),
    exit_when=[
        exit_on("Order Completed", ExitReason.CONVERTED),
        exit_on("Payment Pending", ExitReason.NO_LONGER_MATCHES),
        exit_on("Cart Emptied", ExitReason.NO_LONGER_MATCHES),
    ],
    goal=goal("Order Completed", within=days(5)),
    steps=[
        wait("settle", hours(1), restart_on="Checkout Started"),
        send("did-it-get-stuck", past_cap=True, lateness_max=hours(12)),
        wait("until-twenty-hours", hours(19)),
        send("in-good-hands"),
        wait("until-day-two", hours(16), until=MORNING),
        send("asked-and-answered"),
        wait("until-day-four", days(1.5), until=MORNING),
        send("our-promise"),
        wait("until-day-seven", days(2.5), until=MORNING),
        send("shall-i-help"),
    ],
)
