"""Owner visits: one e-mail to somebody who has come back to what they own.

What it is for: who looks up a product that they have bought, its warranty or what was written about
it, is fond of it: they get what goes with it. Who looks at its support page has a problem: they get
help, and no offer.

Why these times: three quiet hours after the last page. Help follows at once; the rest waits for the
next morning, at nine where the contact lives.

Who enters: whoever has bought the product that the page is about. Who leaves: whoever orders.
"""

from sekvens.flows.asking import happened, owns_product, subscribed
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
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")
SUPPORT_PAGE = event("page", category="support", same="product_id")

OWNER_VISITS: Flow = flow(
    "owner-visits",
    version=1,
    purpose=MARKETING,
    trigger=event("page"),
    entry_key="product_id",
    trigger_when=[owns_product()],
    entry=[subscribed()],
    reentry=after(days(30)),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    goal=goal("Order Completed", within=days(14)),
    steps=[
        wait("settle", hours(3), restart_on=event("page", same="product_id")),
        split(
            "needs-help",
            case(happened(SUPPORT_PAGE, within=days(1)), send("can-i-help")),
            otherwise=[
                wait("until-morning", until=MORNING),
                send("goes-with-yours"),
            ],
        ),
    ],
)
