"""Winback: four to six e-mails to a customer, or a subscriber, whom we have not seen for long.

What it is for: to remind them why they once chose us, and to ask. Then what is new, what others
say, an offer for them alone, and its last call. Subscribers who never bought get a first e-mail of
their own.

Why these times: it begins when a customer has been away for longer than nine of ten of this shop's
customers take to come back (within 45 and 180 days; 60 until that is known). Day 7, 14, 24 and 30,
at the hour that suits the contact, or nine. The first is told again on day 3, under another
subject, to a customer who has clicked nothing in it. Who has been in the shop lately (the segment
`active`) needs no more persuading, and gets the offer on day 10. Who has given no sign of life for
long (`dormant`) gets four e-mails, further apart: more would teach them to look away.

Who leaves: whoever orders. Whoever answers that they are no longer interested gets one goodbye (the
flow `winback-goodbye`) and then rest. Who has given no sign of life at the end goes on to `sunset`.
"""

from sekvens.flows.asking import active, all_of, any_of, happened, lapsed, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    answered,
    audience,
    best_time,
    case,
    clicked,
    days,
    enroll,
    exit_flow,
    exit_on,
    flow,
    goal,
    rest,
    send,
    split,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.segments import ACTIVE, DORMANT, in_segment
from sekvens.flows.steps import ExitReason

GOOD_HOUR = best_time("08:00", "20:00", otherwise="09:00")
A_CUSTOMER = happened("Order Completed")
NEVER_BOUGHT = all_of(happened("Email Subscribed"), not_(A_CUSTOMER), not_(active(within=days(60))))
NOT_INTERESTED = answered("still-interested", "no")
IS_DORMANT = in_segment(DORMANT)
HAS_NOT_CLICKED = not_(happened(clicked("why-you-chose-us"), within=days(4)))

WINBACK: Flow = flow(
    "winback",
    version=2,
    purpose=MARKETING,
    trigger=audience("quiet-contacts", any_of(lapsed(), NEVER_BOUGHT)),
    entry=[subscribed()],
    reentry=after(days(180)),
    exit_when=[
        exit_on("Order Completed", ExitReason.CONVERTED),
        exit_on(NOT_INTERESTED, ExitReason.NO_LONGER_MATCHES),
    ],
    goal=goal("Order Completed", within=days(45)),
    steps=[
        wait("until-morning", until=GOOD_HOUR),
        split(
            "has-bought",
            case(A_CUSTOMER, send("why-you-chose-us")),
            otherwise=[send("you-signed-up-once")],
        ),
        wait("until-day-three", days(2.5), until=GOOD_HOUR),
        split(
            "unclicked",
            case(
                all_of(A_CUSTOMER, not_(IS_DORMANT), HAS_NOT_CLICKED),
                send("why-you-chose-us-again", retells="why-you-chose-us"),
            ),
            otherwise=[],
        ),
        wait("until-day-seven", days(3.5), until=GOOD_HOUR),
        send("since-you-were-here"),
        split(
            "how-lately-seen",
            case(in_segment(ACTIVE), wait("until-day-ten", days(2.5), until=GOOD_HOUR)),
            case(IS_DORMANT, wait("until-day-twenty-one", days(13.5), until=GOOD_HOUR)),
            otherwise=[
                wait("until-day-fourteen", days(6.5), until=GOOD_HOUR),
                send("what-people-say"),
                wait("until-day-twenty-four", days(9.5), until=GOOD_HOUR),
            ],
        ),
        send("only-for-you", offer="winback"),
        wait("until-the-last-call", days(5.5), until=GOOD_HOUR),
        send("last-call", offer="winback", lateness_max=days(1)),
        wait("a-fortnight", days(14)),
        split(
            "silent",
            case(active(within=days(44)), exit_flow("alive")),
            otherwise=[enroll("to-sunset", "sunset")],
        ),
    ],
)

WINBACK_GOODBYE: Flow = flow(
    "winback-goodbye",
    version=1,
    purpose=MARKETING,
    trigger=NOT_INTERESTED,
    entry=[subscribed()],
    reentry=after(days(180)),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    steps=[
        send("until-we-meet", template="winback/until-we-meet", past_cap=True),
        rest("rest", days(180)),
    ],
)
