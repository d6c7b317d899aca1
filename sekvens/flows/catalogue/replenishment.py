"""Replenishment: two e-mails to somebody who is about to run out of what they buy again and again.

What it is for: to be there when it is time, and not before. When that is, their own rhythm says:
the time between their purchases of the product, or, of whoever has bought it less than three times,
the time that others take. The second asks whether we have counted right, and takes a no.

Why these times: from five days before it is due, at nine where the contact lives, and a week after
that. Sixteen days after it was due they have found another, and we say nothing.

Who leaves: whoever orders. Whoever no longer needs it (bought, sent back, said no) gets no second.
"""

from sekvens.flows.asking import needs_again, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    audience,
    days,
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
IT_IS_TIME = needs_again(ahead=days(5), overdue=days(16))

REPLENISHMENT: Flow = flow(
    "replenishment",
    version=1,
    purpose=MARKETING,
    trigger=audience("running-out", IT_IS_TIME),
    entry=[subscribed()],
    stay_while=[IT_IS_TIME],
    # Longer than it is time, so that nobody hears twice of one purchase.
    reentry=after(days(30)),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    goal=goal("Order Completed", within=days(21)),
    steps=[
        wait("until-morning", until=MORNING),
        send("time-for-more"),
        wait("until-a-week-later", days(6.5), until=MORNING),
        send("did-we-count-right"),
    ],
)
