"""Steps that send nothing, on real rows: each is carried out twice, as a retry would."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from sekvens.contacts.tables import Consent, Contact, Suppression
from sekvens.db.session import Database
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import CarryOutInput
from sekvens.events.tables import ContactEvent
from sekvens.flows.builder import (
    enroll,
    rest,
    set_consent,
    set_trait,
    suppress,
    webhook,
)
from sekvens.flows.codec import to_json
from sekvens.flows.outcomes import Deferred, Done, Outcome, Parked, Skipped, SkipReason
from sekvens.flows.steps import Deed, ExitReason
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice, letters, store_letters


class FakeWebhooks:
    """Answers as told, and counts."""

    def __init__(self) -> None:
        self.answers: list[Outcome] = []
        self.called: list[str] = []

    def call(self, order: CarryOutInput, name: str) -> Outcome:  # noqa: ARG002
        self.called.append(name)
        return self.answers.pop(0) if self.answers else Done(text=f"called {name}")


class Office(PostOffice):
    """A contact in a flow, and whoever carries out its steps."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.webhooks = FakeWebhooks()
        self.deeds = Deeds(database=database, clock=self.clock, webhooks=self.webhooks)

    def order(self, deed: Deed, **changes: object) -> CarryOutInput:
        order = CarryOutInput(
            enrollment_id="e-1",
            contact_id=self.contact_id,
            flow="letters",
            step=to_json(deed),
            next_step="your-cart",
            now=NOON,
            due_at=NOON,
        )
        return replace(order, **changes)

    def carry_out_twice(self, deed: Deed) -> Outcome:
        self.deeds.carry_out(self.order(deed))
        return self.deeds.carry_out(self.order(deed))

    def contact(self) -> Contact:
        with self.database.read() as session:
            return session.get_one(Contact, self.contact_id)

    def enrollment_row(self) -> Enrollment:
        with self.database.read() as session:
            return session.get_one(Enrollment, "e-1")

    def events(self, name: str) -> int:
        with self.database.read() as session:
            query = select(func.count()).select_from(ContactEvent).where(ContactEvent.name == name)
            return session.scalar(query) or 0


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_a_trait_is_written_and_the_enrollment_stands_at_the_next_step(office: Office):
    outcome = office.carry_out_twice(set_trait("a", "tier", "kitchen table"))

    assert isinstance(outcome, Done)
    assert office.contact().traits["tier"] == "kitchen table"
    assert office.enrollment_row().step_id == "your-cart"


def test_consent_that_a_flow_takes_back_is_a_fact_once_with_the_flow_as_its_source(office: Office):
    office.carry_out_twice(set_consent("a", "unsubscribed"))
    with office.database.read() as session:
        status = session.scalar(select(Consent.status).filter_by(contact_id=office.contact_id))

    assert status == "unsubscribed"
    assert office.events("Unsubscribed") == 1


def test_an_inactive_address_is_suppressed_by_a_fact_that_other_flows_hear(office: Office):
    office.carry_out_twice(suppress("a", "inactive"))
    with office.database.read() as session:
        reasons = session.scalars(select(Suppression.reason)).all()

    assert reasons == ["inactive"]
    assert office.events("Contact Suppressed") == 1


def test_a_rest_counts_from_when_it_was_due_and_never_shortens_another(office: Office):
    office.carry_out_twice(rest("a", timedelta(days=90)))
    office.deeds.carry_out(office.order(rest("b", timedelta(days=30))))

    assert office.contact().rests_until == NOON + timedelta(days=90)


def test_a_contact_is_enrolled_in_another_flow_once(office: Office):
    other = replace(letters(), name="sunset")
    with office.database.write() as session:
        publish(session, other, now=NOON, store_templates=store_letters)
    outcome = office.carry_out_twice(enroll("a", "sunset"))
    with office.database.read() as session:
        rows = session.scalars(select(Enrollment.id).filter_by(flow="sunset")).all()

    assert len(rows) == 1
    assert outcome == Done(text="not enrolled in sunset, under_way")


def test_a_flow_that_is_off_enrolls_nobody_and_holds_nothing_up(office: Office):
    outcome = office.deeds.carry_out(office.order(enroll("a", "sunset")))

    assert outcome == Done(text="sunset is off")


def test_a_webhook_that_is_not_there_yet_leaves_the_enrollment_where_it_is(office: Office):
    office.webhooks.answers = [Deferred(until=NOON + timedelta(minutes=1), reason="webhook")]
    outcome = office.deeds.carry_out(office.order(webhook("a", "crm")))

    assert isinstance(outcome, Deferred)
    assert office.enrollment_row().step_id == "hello"


def test_a_webhook_that_is_refused_parks_the_row_with_the_reason(office: Office):
    office.webhooks.answers = [Parked(reason="it answered 404", code="webhook")]
    office.deeds.carry_out(office.order(webhook("a", "crm")))

    assert (office.enrollment_row().state, office.enrollment_row().step_id) == ("parked", "a")
    assert office.enrollment_row().parked_reason == "it answered 404"


def test_a_step_that_a_person_skips_is_not_carried_out(office: Office):
    outcome = office.deeds.carry_out(office.order(webhook("a", "crm"), skip=True))

    assert outcome == Done(text="skipped")
    assert office.webhooks.called == []
    assert office.enrollment_row().step_id == "your-cart"


def test_who_is_back_is_not_suppressed_though_nobody_has_signalled_it(office: Office):
    office.happens("Order Completed", order_id="o-1")
    outcome = office.carry_out_twice(suppress("a", "inactive"))

    assert outcome == Skipped(reason=SkipReason.EXITED, exit=ExitReason.CONVERTED)
    assert office.events("Contact Suppressed") == 0


def test_a_webhook_is_not_called_for_who_has_just_left(office: Office):
    office.happens("Unsubscribed")
    outcome = office.carry_out_twice(webhook("a", "crm"))

    assert outcome == Skipped(reason=SkipReason.EXITED, exit=ExitReason.UNSUBSCRIBED)
    assert office.webhooks.called == []


def test_what_a_step_has_recorded_itself_does_not_overtake_its_repeat(office: Office):
    outcome = office.carry_out_twice(suppress("a", "inactive"))

    assert outcome == Done(text="suppressed, inactive")
