"""The quick activities of an enrollment: questions, facts behind signals, and the end."""

from typing import assert_never

from temporalio import activity

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.position import close, stand_at
from sekvens.enrollments.wire import AnswerInput, AnswerResult, FinishInput, RecordInput
from sekvens.events.ingest import record_fact
from sekvens.flows.codec import from_json
from sekvens.flows.commands import NextLocalTime, Question, WhichBranch
from sekvens.messages import ledger
from sekvens.segments import sql
from sekvens.send_time.local_time import next_local_time
from sekvens.shop import Shop


class EnrollmentActivities:
    """Reads and writes what an enrollment may not touch itself; synchronous, so run in threads."""

    def __init__(self, *, database: Database, clock: Clock, shop: Shop) -> None:
        self._database = database
        self._clock = clock
        self._shop = shop

    @activity.defn(name=names.ANSWER_ACTIVITY)
    def answer_question(self, order: AnswerInput) -> AnswerResult:
        """Answer what depends on facts or time zones, and record where the answer leads."""
        question: Question = from_json(Question, order.question)  # type: ignore[arg-type]
        match question:
            case NextLocalTime():
                return self._local_time(order, question)
            case WhichBranch():
                return self._branch(order, question)
            case _:
                assert_never(question)

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

    def _branch(self, order: AnswerInput, question: WhichBranch) -> AnswerResult:
        with self._database.write() as session:
            contact_id = canonical_id(session, order.contact_id)
            holding = (
                index
                for index, condition in enumerate(question.conditions)
                if sql.holds(session, condition, contact_id=contact_id, now=order.now)
            )
            branch = next(holding, None)
            stand_at(
                session, order.enrollment_id, question.next_steps[-1 if branch is None else branch]
            )
        return AnswerResult(branch=branch)
