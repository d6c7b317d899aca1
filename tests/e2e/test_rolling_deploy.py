"""A rolling deploy loses nobody and sends nothing twice; `make rehearse` has a thousand of them."""

import pytest

from tests.e2e.rehearsing import rehearse, versioned_stack
from tests.e2e.stack import logs_on_failure

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: The second e-mail comes within a minute, the last one not for seven, however slow the machine.
DAY_SECONDS = 30.0
ENROLLMENTS = 16
PINNED = 2


def test_two_codes_of_the_worker_hand_over_and_nobody_notices(
    tmp_path, request: pytest.FixtureRequest
):
    with (
        versioned_stack(tmp_path, day_seconds=DAY_SECONDS) as stack,
        logs_on_failure(stack, request),
    ):
        came = rehearse(stack, enrollments=ENROLLMENTS, say=print)

    assert (came.lost, came.twice) == ([], [])
    assert came.in_flight >= ENROLLMENTS
    assert came.by_both > 0
    assert came.by_old == 0  # each was ended by the new version
    assert came.astray == []
    assert came.both_codes >= ENROLLMENTS
    assert came.stayed == PINNED
    assert came.old_works_seconds < came.drained_seconds + 30
