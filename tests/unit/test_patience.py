"""A refusal holds a message back for longer each time."""

from datetime import timedelta

from sekvens.errors import NotSent, SesPaused, SesThrottled
from sekvens.messages.patience import WAIT_MAX, retry_after


def test_a_first_refusal_costs_seconds_and_a_long_one_ten_minutes_a_look():
    waits = [retry_after(SesThrottled(), attempts=n) for n in range(1, 9)]

    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert waits[-1] == WAIT_MAX


def test_an_outage_of_six_hours_costs_no_more_than_fifty_looks():
    for refusal in (SesThrottled(), SesPaused(), NotSent()):
        waited, looks = timedelta(0), 0
        while waited < timedelta(hours=6):
            looks += 1
            waited += retry_after(refusal, attempts=looks)

        assert looks <= 50
