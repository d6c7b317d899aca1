"""Double opt-in: two e-mails to an address that somebody has signed up, until its reader says yes.

What it is for: to know that an address belongs to whoever typed it in. It asks and offers nothing,
so it is no marketing: nobody has agreed to that yet. The welcome begins once they have said yes.

Why these times: the first e-mail goes at once, while they look at the page that sends them to their
inbox. The second comes a day later, at the hour at which they signed up, when they were awake. The
link stops working a week after the sign-up, and so does the wait.

Who enters: whoever signed up by the form, once for each time. Who leaves: whoever says yes, or no,
or signs up again, which starts anew.
"""

from sekvens.flows.builder import (
    TRANSACTIONAL,
    days,
    event,
    exit_flow,
    exit_on,
    flow,
    once_each,
    send,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

REQUESTED = "Email Confirmation Requested"

DOUBLE_OPT_IN: Flow = flow(
    "double-opt-in",
    version=1,
    purpose=TRANSACTIONAL,
    trigger=event(REQUESTED),
    entry_key="request_id",
    reentry=once_each(),
    exit_when=[
        exit_on("Email Subscribed", ExitReason.CONVERTED),
        exit_on("Unsubscribed", ExitReason.UNSUBSCRIBED),
        exit_on(event(REQUESTED, other="request_id"), ExitReason.SUPERSEDED),
    ],
    steps=[
        # Later than this, the link has all but stopped working.
        send("please-confirm", lateness_max=days(6)),
        wait("a-day", days(1)),
        send("one-reminder", lateness_max=days(5)),
        wait("until-the-link-ends", days(6)),
        exit_flow("never-answered", ExitReason.NO_LONGER_MATCHES),
    ],
)
