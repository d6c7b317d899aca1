"""Birthday: one e-mail with a gift, told a second time to who has not opened the parcel.

What it is for: to be glad with them.

Why these times: in the morning of the day, where the contact lives. Four days later it is told
again under another subject, if they have clicked nothing in the first: birthdays are busy.

Who enters: whoever told us the day, found by a scan some days ahead. Who leaves: whoever orders.
"""

from sekvens.flows.asking import date_within, happened, not_, subscribed
from sekvens.flows.builder import (
    MARKETING,
    after,
    audience,
    case,
    clicked,
    date_of,
    days,
    exit_on,
    flow,
    hours,
    local_time,
    send,
    split,
    wait,
)
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason

MORNING = local_time("09:00")

BIRTHDAY: Flow = flow(
    "birthday",
    version=1,
    purpose=MARKETING,
    trigger=audience("birthdays", date_within("birthday", days(3))),
    entry=[subscribed()],
    reentry=after(days(300)),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    steps=[
        wait("until-the-day", until=date_of("birthday", at="09:00")),
        send("birthday-gift", offer="birthday", lateness_max=hours(30)),
        wait("until-day-four", days(3.5), until=MORNING),
        split(
            "unopened",
            case(
                not_(happened(clicked("birthday-gift"), within=days(5))),
                send("birthday-gift-again", retells="birthday-gift", offer="birthday"),
            ),
            otherwise=[],
        ),
    ],
)
