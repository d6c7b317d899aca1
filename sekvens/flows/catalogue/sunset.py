"""Sunset: four e-mails to somebody who gives no sign of life, and then silence.

What it is for: to respect a choice that was made without a word. Who never clicks, visits or orders
costs every other reader, because mailbox providers judge us by them. So we ask, offer a gift to
stay, say where else we are, and say goodbye.

Why these times: it begins after five e-mails and 180 days without a sign of life, or at the end of
a winback that was not answered. Day 7, 14 and 19, at nine where the contact lives. Then the
address is suppressed as inactive: no marketing, until they come back by themselves.

Who enters: nobody in mid-winback; that leads here by itself. Who leaves: whoever gives any sign of
life.
"""

from sekvens.flows.asking import active, in_flow, not_, received, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    audience,
    days,
    exit_on,
    flow,
    local_time,
    send,
    suppress,
    wait,
)
from sekvens.flows.conditions import SIGNS_OF_LIFE
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

SUNSET: Flow = flow(
    "sunset",
    version=1,
    purpose=MARKETING,
    trigger=audience(
        "silent-contacts", received(5), not_(active(within=days(180))), not_(in_flow("winback"))
    ),
    entry=[subscribed()],
    reentry=after(days(365)),
    exit_when=[
        exit_on("Order Completed", ExitReason.CONVERTED),
        *(
            exit_on(name, ExitReason.NO_LONGER_MATCHES)
            for name in SIGNS_OF_LIFE
            if name != "Order Completed"
        ),
    ],
    steps=[
        wait("until-morning", until=MORNING),
        send("we-respect-your-choice"),
        wait("until-day-seven", days(6.5), until=MORNING),
        send("a-gift-to-stay", offer="stay"),
        wait("until-day-fourteen", days(6.5), until=MORNING),
        send("find-us-elsewhere"),
        wait("until-day-nineteen", days(4.5), until=MORNING),
        send("goodbye"),
        wait("a-last-week", days(7)),
        suppress("inactive", "inactive"),
    ],
)
