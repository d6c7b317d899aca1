"""Welcome: five e-mails to somebody who has just asked for ours.

What it is for: to greet, to keep the promise of the sign-up form, and to be remembered. It tells
before it sells: the code comes in the fourth e-mail, when the reader knows who is writing.

Why these times: the first e-mail goes at once, while the sign-up page is still open. The next two
come on day 2 and day 4, soon enough to be recognised and far enough apart to be read. The code
comes on day 7 and holds until day 14; the last e-mail comes on day 13, when a day is left of it.
Days count from the sign-up. From the second e-mail on they come at nine in the morning where the
contact lives: each wait is half a day short of its days, so that the next nine o'clock is the one
nearest to the day meant, whatever the hour of the sign-up.

Who leaves: whoever orders. They need no more persuading.
"""

from sekvens.flows.asking import happened, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    days,
    event,
    exit_on,
    flow,
    goal,
    hours,
    local_time,
    once,
    send,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

WELCOME: Flow = flow(
    "welcome",
    version=1,
    purpose=MARKETING,
    trigger=event("Email Subscribed"),
    entry=[subscribed(), not_(happened("Order Completed"))],
    reentry=once(),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    goal=goal("Order Completed", within=days(14)),
    steps=[
        send("hello"),
        wait("until-day-two", days(1.5), until=MORNING),
        send("who-we-are"),
        wait("until-day-four", days(1.5), until=MORNING),
        send("what-others-say"),
        wait("until-day-seven", days(2.5), until=MORNING),
        send("a-code-for-you", offer="welcome"),
        wait("until-day-thirteen", days(5.5), until=MORNING),
        # Later than this, the code that it speaks of may have ended.
        send("last-day", offer="welcome", lateness_max=hours(12)),
    ],
)
