"""A refusal holds a message back for longer each time."""

from datetime import timedelta

import pytest

from sekvens.errors import NotSent, SesPaused, SesThrottled
from sekvens.flows.steps import Purpose
from sekvens.messages.patience import ORDER_MAIL_WAIT_MAX, WAIT_MAX, retry_after


def test_a_first_refusal_costs_seconds_and_a_long_one_ten_minutes_a_look():
    waits = [
        retry_after(SesThrottled(), attempts=n, purpose=Purpose.MARKETING) for n in range(1, 11)
    ]

    assert waits[:3] == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
    assert waits[-1] == WAIT_MAX


def test_order_mail_never_waits_longer_than_marketing():
    for attempts in range(1, 40):
        waits = [retry_after(NotSent(), attempts=attempts, purpose=each) for each in Purpose]

        assert waits == sorted(waits, reverse=True)
    assert waits == [WAIT_MAX, ORDER_MAIL_WAIT_MAX]


@pytest.mark.parametrize(("purpose", "most"), [("marketing", 50), ("transactional", 90)])
def test_the_looks_of_an_outage_of_six_hours_are_bounded(purpose, most):
    for refusal in (SesThrottled(), SesPaused(), NotSent()):
        waited, looks = timedelta(0), 0
        while waited < timedelta(hours=6):
            looks += 1
            waited += retry_after(refusal, attempts=looks, purpose=purpose)

        assert looks <= most
