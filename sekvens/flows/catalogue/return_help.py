"""Return help: one e-mail to somebody who has begun a return and not finished it.

What it is for: a parcel that was never posted is mostly a label that would not print. It helps with
the return and does not argue. It belongs to an order, so it is no marketing.

Why this time: three days after the return was begun, on a working day at ten, when somebody
answers.

Who leaves: whoever finishes the return, or has the money back.
"""

from sekvens.flows.builder import (
    TRANSACTIONAL,
    WORKDAYS,
    days,
    event,
    exit_on,
    flow,
    local_time,
    once_each,
    send,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

RETURN_HELP: Flow = flow(
    "return-help",
    version=1,
    purpose=TRANSACTIONAL,
    trigger=event("Return Started"),
    entry_key="order_id",
    reentry=once_each(),
    exit_when=[
        exit_on(event("Return Completed", same="order_id"), ExitReason.NO_LONGER_MATCHES),
        exit_on(event("Order Refunded", same="order_id"), ExitReason.NO_LONGER_MATCHES),
    ],
    steps=[
        wait("three-days", days(3), until=local_time("10:00", WORKDAYS)),
        send("need-a-hand"),
    ],
)
