"""Welcome: five e-mails to somebody who has just asked for ours.

What it is for: to greet, to keep the promise of the sign-up form, and to be remembered. It tells
before it sells: the code comes in the fourth e-mail, when the reader knows who is writing. Whoever
ticked the box at the checkout was about to order anyway and gets no code for a first order.

Why these times: the first e-mail goes at once, while the sign-up page is still open. The next two
come on day 2 and day 4, soon enough to be recognised and far enough apart to be read. The code
comes on day 7, and the last e-mail on the code's last day. Days count from the sign-up. From the
second e-mail on they come at nine in the morning where the contact lives: each wait is half a day
short of its days, so that the next nine o'clock is the one nearest to the day meant, whatever the
hour of the sign-up.

Who enters: whoever gives consent now; not who is imported, and not a customer.
Who leaves: whoever orders. They need no more persuading.
"""

from sekvens.flows.asking import happened, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    case,
    days,
    event,
    exit_flow,
    exit_on,
    flow,
    goal,
    hours,
    local_time,
    offer_end,
    once,
    send,
    split,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")
IMPORTED = happened(event("Email Subscribed", source="import"), within=days(1))
AT_THE_CHECKOUT = happened(event("Email Subscribed", source="checkout"), within=days(14))

WELCOME: Flow = flow(
    "welcome",
    version=3,
    purpose=MARKETING,
    trigger=event("Email Subscribed"),
    trigger_when=[not_(IMPORTED)],
    entry=[subscribed(), not_(happened("Order Completed"))],
    reentry=once(),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    goal=goal("Order Completed", within=days(14)),
    steps=[
        # Whatever else they had today: it keeps the promise of the form.
        send("hello", past_cap=True),
        wait("until-day-two", days(1.5), until=MORNING),
        send("who-we-are"),
        wait("until-day-four", days(1.5), until=MORNING),
        send("what-others-say"),
        split("promised-a-code", case(AT_THE_CHECKOUT, exit_flow("no-code")), otherwise=[]),
        wait("until-day-seven", days(2.5), until=MORNING),
        send("a-code-for-you", offer="welcome"),
        wait("until-the-last-day", until=offer_end("welcome", at="09:00")),
        # Later than this, the code that it speaks of has ended.
        send("last-day", offer="welcome", lateness_max=hours(12)),
    ],
)
