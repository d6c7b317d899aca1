"""Who is held out of everything gets no marketing, and every order mail; the answer is recorded."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.enrollments import EnrollmentActivities
from activities.experiments import ExperimentActivities
from sekvens.db.session import Database
from sekvens.enrollments.wire import AnswerInput, AnswerResult
from sekvens.experiments.looking import stop
from sekvens.experiments.plan import of_question
from sekvens.experiments.tables import Draw, EnrollmentVariant
from sekvens.experiments.wire import LooksInput, LooksResult
from sekvens.flows.builder import days
from sekvens.flows.codec import to_json
from sekvens.flows.commands import WhichVariant
from sekvens.flows.lots import EVERYTHING, draw, weights_of
from sekvens.flows.outcomes import Sent, Skipped, SkipReason
from sekvens.messages.tables import MessageState
from tests.unit.acting import activities_of
from tests.unit.experimenting import Laboratory, way
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice, mixed

QUESTION = WhichVariant(
    flow="letters", version=1, step=way(), within=days(5), next_steps=("your-cart", None)
)


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    return PostOffice(sqlite_database, flow=mixed())


def drawn(office: PostOffice, name: str) -> str | None:
    with office.database.read() as session:
        found = session.get(Draw, (name, office.contact_id))
        return None if found is None else found.variant


def the_lot_says(office: PostOffice, variant: str) -> None:
    """Let the contact have drawn this before, whatever their id would draw."""
    office.sender = office.another_sender(holdout=0.4)
    office.sender.send(replace(office.order(), purpose="marketing", skip=True))
    with office.database.write() as session:
        session.get_one(Draw, (EVERYTHING, office.contact_id)).variant = variant


def test_marketing_to_who_is_held_out_is_skipped_and_says_so(office: PostOffice):
    the_lot_says(office, "holdout")
    office.enroll("e-2", office.contact_id)

    assert office.send(enrollment_id="e-2") == Skipped(reason=SkipReason.HOLDOUT)
    assert office.ses.accepted == []


def test_order_mail_to_who_is_held_out_leaves(office: PostOffice):
    the_lot_says(office, "holdout")

    assert isinstance(office.send("receipt"), Sent)
    assert office.message("receipt").state == MessageState.ACCEPTED


def test_who_is_not_held_out_gets_their_marketing(office: PostOffice):
    the_lot_says(office, "treated")
    office.enroll("e-2", office.contact_id)

    assert isinstance(office.send(enrollment_id="e-2"), Sent)


def test_without_a_holdout_nobody_draws_and_who_was_held_out_is_no_longer(office: PostOffice):
    the_lot_says(office, "holdout")
    office.sender = office.another_sender()
    office.enroll("e-2", office.contact_id)

    assert isinstance(office.send(enrollment_id="e-2"), Sent)


def test_order_mail_draws_nothing(office: PostOffice):
    office.sender = office.another_sender(holdout=0.4)
    office.send("receipt")

    assert drawn(office, EVERYTHING) is None


@pytest.fixture
def acting(office: PostOffice) -> EnrollmentActivities:
    return activities_of(office)


def ask(acting: EnrollmentActivities, office: PostOffice, *, skip: bool = False) -> AnswerResult:
    order = AnswerInput(
        enrollment_id="e-1", contact_id=office.contact_id, question=to_json(QUESTION), now=NOON,
        step_id="way", skip=skip,
    )  # fmt: skip
    return ActivityEnvironment().run(acting.answer_question, order)


def test_the_activity_answers_the_same_however_often_it_is_asked(
    acting: EnrollmentActivities, office: PostOffice
):
    answers = [ask(acting, office) for _ in range(3)]
    said = draw("letters/way", office.contact_id, weights_of(way()))

    branch = ["plain", "loud"].index(said)
    assert answers == [AnswerResult(branch=branch)] * 3
    assert drawn(office, "letters/way") == said
    assert office.enrollment().step_id == QUESTION.next_steps[branch]


def test_who_is_to_go_on_without_an_answer_takes_the_first_variant_and_draws_nothing(
    acting: EnrollmentActivities, office: PostOffice
):
    assert ask(acting, office, skip=True) == AnswerResult(branch=0)
    assert drawn(office, "letters/way") is None


def gone_by(office: PostOffice) -> list[tuple[str, str, str]]:
    """List by which variant which enrollment goes on."""
    with office.database.read() as session:
        rows = session.scalars(select(EnrollmentVariant))
        return [(row.enrollment_id, row.experiment, row.variant) for row in rows]


def test_an_enrollment_keeps_by_which_variant_it_goes_on_whatever_comes_later(
    acting: EnrollmentActivities, office: PostOffice
):
    branch = ask(acting, office).branch
    ask(acting, office)
    with office.database.write() as session:
        session.get_one(Draw, ("letters/way", office.contact_id)).variant = "other"

    assert branch is not None
    assert gone_by(office) == [("e-1", "letters/way", ("plain", "loud")[branch])]


def test_who_has_drawn_nothing_goes_on_by_no_variant_of_an_experiment(
    acting: EnrollmentActivities, office: PostOffice
):
    ask(acting, office, skip=True)
    lab = Laboratory(office.database, office.clock)
    lab.contacts("c-other")
    lab.draw("c-other", by=of_question(QUESTION))
    with office.database.write() as session:
        stop(session, "letters/way", by="maja", now=NOON)
    ask(acting, office)

    assert drawn(office, "letters/way") is None
    assert gone_by(office) == []


def test_the_scheduled_activity_takes_the_looks_that_are_due(office: PostOffice):
    looker = Laboratory(office.database, office.clock).looker()
    looked = ActivityEnvironment().run(
        ExperimentActivities(looker).look_at_experiments, LooksInput()
    )

    assert looked == LooksResult()
    assert looked.sentence == "no look is due"
