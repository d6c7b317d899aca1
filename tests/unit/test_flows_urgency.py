"""Who goes first: order mail, marketing that is on time, what is late anyway."""

from datetime import timedelta

import pytest

from sekvens.flows.builder import hours, minutes
from sekvens.flows.steps import Purpose
from sekvens.flows.urgency import Urgency, turn_key, urgency_of

QUICK = 43_200.0


def test_order_mail_goes_before_marketing_and_that_before_what_is_overdue() -> None:
    order_mail = urgency_of(Purpose.TRANSACTIONAL)
    on_time = urgency_of(Purpose.MARKETING, late=minutes(59))
    overdue = urgency_of(Purpose.MARKETING, late=hours(2))

    assert order_mail < on_time < overdue


def test_order_mail_is_never_backlog() -> None:
    assert urgency_of(Purpose.TRANSACTIONAL, late=timedelta(days=3)) is Urgency.ORDER_MAIL


@pytest.mark.parametrize(
    ("wall_seconds", "urgency"), [(50, Urgency.MARKETING), (70, Urgency.BACKLOG)]
)
def test_in_quick_days_a_minute_on_the_wall_clock_is_no_backlog(
    wall_seconds: int, urgency: Urgency
) -> None:
    late = timedelta(seconds=wall_seconds) * QUICK

    assert urgency_of(Purpose.MARKETING, late=late, speed=QUICK) is urgency


def test_every_urgency_is_a_priority_that_temporal_knows() -> None:
    assert all(1 <= each <= 5 for each in Urgency)


def test_a_name_that_is_too_long_for_temporal_is_cut() -> None:
    assert turn_key("welcome") == "welcome"
    assert len(turn_key("very-" * 40).encode()) <= 64
