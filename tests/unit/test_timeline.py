"""One contact's timeline: everything that happened, in one order, by shop time."""

from datetime import timedelta

import pytest

from sekvens.contacts.merge import merge
from sekvens.contacts.person import Person, person_of
from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import Contact, SuppressionReason
from sekvens.contacts.timeline import Timeline, What, timeline_of
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.shop_time import ShopTime
from tests.unit.ingesting import NOON
from tests.unit.sending import ADDRESS, PostOffice

MINUTE = timedelta(minutes=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def told(office: PostOffice, contact_id: str = "", **asked: object) -> Timeline:
    with office.database.read() as session:
        person = person_of(session, contact_id or office.contact_id)
        assert isinstance(person, Person)
        return timeline_of(session, person, ShopTime(), **asked)  # type: ignore[arg-type]


def lived(office: PostOffice) -> PostOffice:
    """Let a contact get a letter, click in it, order, leave, and complain."""
    office.send()
    message_id = office.message().id
    with office.database.write() as session:
        session.add(MessageFate(message_id=message_id, state="delivered", at=NOON + MINUTE))
        session.add(Engagement(kind="click", source="link", message_id=message_id,
                               contact_id=office.contact_id, at=NOON + 2 * MINUTE,
                               is_machine=False))  # fmt: skip
        suppress(session, ADDRESS, reason=SuppressionReason.COMPLAINT, at=NOON + 9 * MINUTE,
                 source="ses")  # fmt: skip
    office.later(5 * MINUTE)
    office.happens("Order Completed", order_id="1001", ago=-5)
    with office.database.write() as session:
        row = session.get_one(Enrollment, "e-1")
        row.state, row.exit_reason = EnrollmentState.ENDED, "converted"
        row.ended_at, row.step_id = NOON + 6 * MINUTE, "a-night"
    return office


def test_all_that_happened_stands_in_one_order_the_newest_first(office: PostOffice):
    moments = told(lived(office)).moments
    kinds = [(moment.what, moment.name or moment.reason) for moment in moments]

    assert kinds[:5] == [
        (What.SUPPRESSED, "complaint"),
        (What.LEFT, "converted"),
        (What.EVENT, "Order Completed"),
        (What.CLICKED, ""),
        (What.FATE, "delivered"),
    ]
    assert set(kinds[5:7]) == {(What.SENT, ""), (What.ENROLLED, "")}
    assert (What.CONSENT, "marketing") in kinds
    assert [moment.at for moment in moments] == sorted(
        (moment.at for moment in moments), reverse=True
    )
    assert next(m.detail for m in moments if m.name == "Order Completed") == "1001"


def test_older_moments_come_on_the_next_page_and_none_twice(office: PostOffice):
    whole = told(lived(office))
    first = told(office, limit=3)
    rest = told(office, before=first.moments[-1].at)

    assert first.goes_on
    assert not whole.goes_on
    assert [*first.moments, *rest.moments] == list(whole.moments)


def test_a_skip_says_why(office: PostOffice):
    office.happens("Product Viewed", ago=1)
    office.send()
    [skipped] = [each for each in told(office).moments if each.what is What.SKIPPED]

    assert (skipped.flow, skipped.step, skipped.reason) == ("letters", "hello", "filter")


def test_what_happened_to_a_merged_contact_is_told_of_the_one_that_stands(office: PostOffice):
    office.send()
    other = office.subscriber("v", "annan@kund.example")
    with office.database.write() as session:
        winner, loser = (session.get_one(Contact, each) for each in (other, office.contact_id))
        merge(session, winner=winner, loser=loser, now=NOON)

    assert What.SENT in {each.what for each in told(office, other).moments}


def test_on_quick_days_wall_time_is_told_as_shop_time(sqlite_database: Database):
    office = PostOffice(sqlite_database)
    office.happens("Product Viewed", ago=1)
    office.later(MINUTE)
    office.send()
    quick = ShopTime(origin=NOON, speed=60.0)
    with sqlite_database.read() as session:
        person = person_of(session, office.contact_id)
        assert person is not None
        moments = timeline_of(session, person, quick, before=NOON + timedelta(hours=2)).moments
    [skipped] = [each for each in moments if each.what is What.SKIPPED]

    assert skipped.at == NOON + timedelta(hours=1)
    assert quick.wall(skipped.at) == NOON + MINUTE
