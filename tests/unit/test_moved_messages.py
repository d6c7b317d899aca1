"""What a move does to messages: nothing is sent twice, and nothing is left without an end."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.enrollments import EnrollmentActivities
from sekvens.db.session import Database
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.publish import publish
from sekvens.enrollments.wire import MoveInput
from sekvens.errors import OutcomeUnknown, SesPaused
from sekvens.flows.outcomes import Sent
from sekvens.messages.tables import MessageState
from sekvens.send_time.choosing import BestTimes
from sekvens.send_time.quiet_hours import NEVER_QUIET
from sekvens.send_time.section import SendTimeSettings
from sekvens.webhooks.caller import WebhookCaller
from tests.unit.composing import sample_shop
from tests.unit.sending import NOON, PostOffice, letters, store_letters


@pytest.fixture
def office(database: Database) -> PostOffice:
    office = PostOffice(database)
    with database.write() as session:
        publish(session, letters(version=2), now=NOON, store_templates=store_letters)
    return office


def is_moved(office: PostOffice, step_id: str | None) -> None:
    webhooks = WebhookCaller(database=office.database, clock=office.clock, webhooks={})
    deeds = Deeds(database=office.database, clock=office.clock, webhooks=webhooks)
    acting = EnrollmentActivities(
        database=office.database,
        clock=office.clock,
        shop=sample_shop(),
        deeds=deeds,
        best_times=BestTimes(sample_shop(), NEVER_QUIET, SendTimeSettings()),
    )
    order = MoveInput(enrollment_id="e-1", version=2, step_id=step_id, counts_from=NOON)
    with office.database.write() as session:
        enrollment = office.enrollment()
        session.merge(enrollment).flow_version = 2
    for _ in range(2):
        ActivityEnvironment().run(acting.move_enrollment, order)


def test_a_step_that_was_sent_before_the_move_is_not_sent_again_after_it(office: PostOffice):
    first = office.send()
    is_moved(office, "a-night")
    again = office.send(flow_version=2)

    assert isinstance(first, Sent)
    assert isinstance(again, Sent)
    assert again.message_id == first.message_id
    assert office.ses.calls == 1


def test_what_is_held_leaves_as_the_new_version_has_it_and_the_ledger_says_so(office: PostOffice):
    office.ses.faults.append(SesPaused())
    office.send()
    is_moved(office, "hello")
    edited = office.order("your-cart").template_digest
    with office.database.write() as session:
        [other] = store_letters(session, ["letters/other"], now=NOON).values()
    office.later(timedelta(hours=1))
    office.send(flow_version=2, template_digest=other)

    row = office.message()
    assert other != edited
    assert (row.state, row.flow_version, row.template_digest) == (MessageState.ACCEPTED, 2, other)


def test_what_is_held_at_a_step_that_is_gone_is_skipped_and_not_lost(office: PostOffice):
    office.ses.faults.append(SesPaused())
    office.send()
    is_moved(office, "a-night")

    row = office.message()
    assert (row.state, row.skip_reason) == (MessageState.SKIPPED, "operator")
    assert office.enrollment().step_id == "a-night"


def test_what_is_in_doubt_at_a_step_that_is_gone_is_not_said_to_be_unsent(office: PostOffice):
    office.ses.faults.append(OutcomeUnknown("no answer"))
    office.send()
    is_moved(office, None)

    row = office.message()
    assert (row.state, row.skip_reason) == (MessageState.SKIPPED, "outcome_unknown")
