"""The quick activities of an enrollment: questions, facts behind signals, and the end."""

from typing import assert_never

from temporalio import activity

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.dates import next_date
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.position import close, stand_at
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import (
    AnswerInput,
    AnswerResult,
    CarryOutInput,
    CarryOutResult,
    FinishInput,
    RecordInput,
)
from sekvens.events.ingest import record_fact
from sekvens.flows.codec import from_json
from sekvens.flows.commands import NextDate, NextLocalTime, Question, WhichBranch
from sekvens.messages import ledger
from sekvens.segments import sql
from sekvens.send_time.local_time import next_local_time
from sekvens.shop import Shop


class EnrollmentActivities:
    """Reads and writes what an enrollment may not touch itself; synchronous, so run in threads."""

    def __init__(self, *, database: Database, clock: Clock, shop: Shop, deeds: Deeds) -> None:
        self._database = database
        self._clock = clock
        self._shop = shop
        self._deeds = deeds

    @activity.defn(name=names.ANSWER_ACTIVITY)
    def answer_question(self, order: AnswerInput) -> AnswerResult:
        """Answer what depends on facts or time zones, and record where the answer leads."""
        question: Question = from_json(Question, order.question)  # type: ignore[arg-type]
        match question:
            case NextLocalTime():
                return self._local_time(order, question)
            case NextDate():
                return self._date(order, question)
            case WhichBranch():
                return self._branch(order, question)
            case _:
                assert_never(question)

    @activity.defn(name=names.CARRY_OUT_ACTIVITY)
    def carry_out(self, order: CarryOutInput) -> CarryOutResult:
        """Carry out a step that sends nothing."""
        return CarryOutResult(outcome=self._deeds.carry_out(order))

    @activity.defn(name=names.RECORD_ACTIVITY)
    def record_signal(self, order: RecordInput) -> None:
        """Record the fact behind a direct signal, once; the relay tells the other enrollments."""
        with self._database.write() as session:
            record_fact(
                session,
                contact_id=order.contact_id,
                name=order.event_name,
                message_id=order.event_id,
                order_id=order.order_id,
                occurred_at=order.occurred_at,
                now=self._clock.now(),
            )

    @activity.defn(name=names.FINISH_ACTIVITY)
    def finish_enrollment(self, order: FinishInput) -> None:
        """Close the enrollment, and leave no message of it without an end."""
        with self._database.write() as session:
            close(session, order.enrollment_id, reason=order.reason, now=order.now)
            ledger.close_enrollment(session, order.enrollment_id)

    def _local_time(self, order: AnswerInput, question: NextLocalTime) -> AnswerResult:
        with self._database.read() as session:
            zone = zone_of(session, order.contact_id, self._shop)
        instant = next_local_time(question.not_before, question.local_time, zone)
        return AnswerResult(instant=instant)

    def _date(self, order: AnswerInput, question: NextDate) -> AnswerResult:
        with self._database.read() as session:
            instant = next_date(
                session,
                question,
                enrollment_id=order.enrollment_id,
                contact_id=canonical_id(session, order.contact_id),
                now=order.now,
                shop=self._shop,
            )
        return AnswerResult(instant=instant)

    def _branch(self, order: AnswerInput, question: WhichBranch) -> AnswerResult:
        with self._database.write() as session:
            contact_id = canonical_id(session, order.contact_id)
            entry_key = session.get_one(Enrollment, order.enrollment_id).entry_key
            holding = (
                index
                for index, condition in enumerate(question.conditions)
                if sql.holds(
                    session,
                    condition,
                    contact_id=contact_id,
                    now=order.now,
                    entry_key=entry_key,
                )
            )
            branch = next(holding, None)
            next_step = question.next_steps[-1 if branch is None else branch]
            stand_at(session, order.enrollment_id, next_step, now=order.now)
        return AnswerResult(branch=branch)
