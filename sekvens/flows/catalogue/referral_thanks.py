"""Referral thanks: one e-mail to somebody whose friend has ordered with their code.

What it is for: to keep the promise of the code that they passed on. The reward is theirs from the
friend's order on; this tells them of it.

Why this time: the next morning at nine, where the contact lives.

Who enters: whoever passed the code on, once for each friend. Who leaves: whoever orders meanwhile;
the reward stays theirs.
"""

from sekvens.flows.asking import subscribed
from sekvens.flows.builder import (
    MARKETING,
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

REFERRAL_THANKS: Flow = flow(
    "referral-thanks",
    version=1,
    purpose=MARKETING,
    trigger=event("Referral Rewarded"),
    entry_key="friend_order_id",
    entry=[subscribed()],
    reentry=once_each(),
    exit_when=[exit_on("Order Completed", ExitReason.CONVERTED)],
    steps=[
        wait("until-morning", until=local_time("09:00")),
        send("a-thank-you", offer="thanks", past_cap=True),
    ],
)
