"""What operators read: groups of what is parked, signs of the other processes, counts."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from sekvens.contacts.suppression import counts_by_reason, suppress
from sekvens.contacts.tables import SuppressionReason
from sekvens.db.session import Database
from sekvens.enrollments import parking
from sekvens.enrollments.tables import Delivery
from sekvens.feedback.tables import FeedbackQueue
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.segments.tables import SegmentMembership, SegmentWatch
from sekvens.segments.turns import Turned, turned
from sekvens.staff.heard import QUIET_MAX, Heard, is_relay_behind, last_heard
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice
from tests.unit.test_operating import parked_ones

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def test_what_is_parked_is_grouped_and_the_longest_held_comes_first(office: PostOffice) -> None:
    parked_ones(office, "template", "offer_pool_empty", "template")
    with office.database.read() as session:
        groups = parking.groups(session)
        first = parking.members(session, groups[0], limit=1)

    assert [(each.code, each.enrollments) for each in groups] == [
        ("template", 2),
        ("offer_pool_empty", 1),
    ]
    assert (groups[0].flow, groups[0].step, groups[0].since) == ("letters", "hello", NOON)
    assert groups[0].reason == "mend template"
    assert [each.parked_code for each in first] == ["template"]


def test_suppressed_addresses_are_counted_by_reason(office: PostOffice) -> None:
    with office.database.write() as session:
        for number, reason in enumerate(("bounce", "bounce", "complaint")):
            address, why = f"a{number}@kund.example", SuppressionReason(reason)
            suppress(session, address, reason=why, at=NOON, source="x")

        assert counts_by_reason(session) == {
            SuppressionReason.BOUNCE: 2,
            SuppressionReason.COMPLAINT: 1,
        }


def test_the_newest_word_of_each_process_is_found(office: PostOffice) -> None:
    with office.database.read() as session:
        silent = last_heard(session)
    with office.database.write() as session:
        session.add(SesQuota(id=THE_ACCOUNT, asked_at=NOON))
        session.add(FeedbackQueue(url="q", caught_up_at=NOON - MINUTE))
        session.add(
            Delivery(
                enrollment_id="e-1", seq=1, message_id="m", matched=[], urgent=False,
                created_at=NOON, delivered_at=NOON - DAY,
            )
        )  # fmt: skip
        session.flush()
        heard = last_heard(session)

    assert silent == Heard(worker_at=None, relay_at=None, feedback_at=None)
    assert heard == Heard(worker_at=NOON, relay_at=NOON - DAY, feedback_at=NOON - MINUTE)
    assert silent.is_worker_quiet(now=NOON)
    assert not heard.is_worker_quiet(now=NOON + QUIET_MAX)
    assert heard.is_worker_quiet(now=NOON + QUIET_MAX + MINUTE)


def test_a_relay_is_behind_when_something_is_owed_for_long() -> None:
    assert not is_relay_behind(None, now=NOON)
    assert not is_relay_behind(NOON - MINUTE, now=NOON)
    assert is_relay_behind(NOON - 2 * MINUTE, now=NOON)


def test_turns_are_counted_where_the_first_look_was_over_before(office: PostOffice) -> None:
    week = {"since": NOON - 7 * DAY, "since_wall": NOON - 7 * DAY}
    with office.database.write() as session:
        session.add(SegmentWatch(segment="vip", digest="x", complete_at=NOON - 8 * DAY))
        session.add(SegmentWatch(segment="loyal", digest="x", complete_at=NOON - DAY))
        for segment in ("vip", "loyal"):
            session.add(
                SegmentMembership(
                    contact_id=office.contact_id, segment=segment, times=1, since=NOON - DAY
                )
            )
        session.flush()
        entered = turned(session, **week)
        session.execute(update(SegmentMembership).values(since=NOON - 30 * DAY, until=NOON))
        left = turned(session, **week)

    assert entered == {"vip": Turned(entered=1)}
    assert left == {"vip": Turned(left=1)}
