"""The quick activities of an enrollment: questions, facts behind signals, and the end."""

import logging
from dataclasses import asdict
from datetime import datetime
from typing import assert_never

from temporalio import activity

from activities.bugs import Bugs, Step
from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.dates import next_date
from sekvens.enrollments.deeds import Deeds
from sekvens.enrollments.position import close, moved, stand_at
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.enrollments.wire import (
    AnswerInput,
    AnswerResult,
    CarryOutInput,
    CarryOutResult,
    FinishInput,
    MoveInput,
    RecordInput,
)
from sekvens.events.ingest import record_fact, reject
from sekvens.experiments.drawing import go_on_by
from sekvens.experiments.plan import of_question
from sekvens.flows.codec import from_json
from sekvens.flows.commands import (
    NextBestTime,
    NextDate,
    NextLocalTime,
    Question,
    WhichBranch,
    WhichVariant,
)
from sekvens.flows.outcomes import Parked
from sekvens.messages import ledger
from sekvens.prometheus.counted import ENDED
from sekvens.segments import sql
from sekvens.send_time.choosing import BestTimes, keep_choice
from sekvens.send_time.local_time import next_local_time
from sekvens.shop import Shop

logger = logging.getLogger(__name__)


class EnrollmentActivities:
    """Reads and writes what an enrollment may not touch itself; synchronous, so run in threads."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop: Shop,
        deeds: Deeds,
        best_times: BestTimes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop = shop
        self._deeds = deeds
        self._best_times = best_times
        self._bugs = Bugs(database, clock)

    @activity.defn(name=names.ANSWER_ACTIVITY, no_thread_cancel_exception=True)
    def answer_question(self, order: AnswerInput) -> AnswerResult:
        """Answer what depends on facts or time zones, and record where the answer leads."""
        step = Step(
            enrollment_id=order.enrollment_id, contact_id=order.contact_id, step_id=order.step_id
        )
        answered = self._bugs.parking(step, lambda: self._answer(order))
        return AnswerResult(parked=answered) if isinstance(answered, Parked) else answered

    def _answer(self, order: AnswerInput) -> AnswerResult:
        question: Question = from_json(Question, order.question)  # type: ignore[arg-type]
        instant: datetime | None
        match question:
            case NextLocalTime():
                instant = self._local_time(order, question)
            case NextBestTime():
                instant = self._best_time(order, question)
            case NextDate():
                instant = self._date(order, question)
            case WhichBranch():
                return self._branch(order, question)
            case WhichVariant():
                return self._variant(order, question)
            case _:
                assert_never(question)
        self._stand(order)
        return AnswerResult(instant=instant)

    @activity.defn(name=names.CARRY_OUT_ACTIVITY, no_thread_cancel_exception=True)
    def carry_out(self, order: CarryOutInput) -> CarryOutResult:
        """Carry out a step that sends nothing."""
        step = Step(
            enrollment_id=order.enrollment_id,
            contact_id=order.contact_id,
            flow=order.flow,
            step_id=order.step["id"],
        )
        return CarryOutResult(
            outcome=self._bugs.parking(step, lambda: self._deeds.carry_out(order))
        )

    @activity.defn(name=names.RECORD_ACTIVITY, no_thread_cancel_exception=True)
    def record_signal(self, order: RecordInput) -> None:
        """Record the fact behind a direct signal, once; the relay tells the other enrollments.

        One that a bug keeps from being stored is among the rejected, like any bad event.
        """
        step = Step(contact_id=order.contact_id)
        bug = self._bugs.noting(step, lambda: self._record(order))
        if bug is not None:
            with self._database.write() as session:
                reject(session, reason=bug, event=asdict(order), now=self._clock.now())

    def _record(self, order: RecordInput) -> None:
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

    @activity.defn(name=names.FINISH_ACTIVITY, no_thread_cancel_exception=True)
    def finish_enrollment(self, order: FinishInput) -> None:
        """Close the enrollment, and leave no message of it without an end."""
        with self._database.write() as session:
            flow = close(
                session,
                order.enrollment_id,
                reason=order.reason,
                now=order.now,
                step_id=order.step_id,
            )
            ledger.close_enrollment(session, order.enrollment_id)
        if flow is not None:
            ENDED.labels(flow, order.reason).inc()
            ids = {"enrollment_id": order.enrollment_id, "reason": order.reason}
            extra = {"action": "enrollment_ended", **ids}
            logger.info("%s is left: %s", flow, order.reason, extra=extra)

    @activity.defn(name=names.MOVE_ACTIVITY, no_thread_cancel_exception=True)
    def move_enrollment(self, order: MoveInput) -> None:
        """Record where a moved enrollment stands; a message whose step it has left is not sent."""
        with self._database.write() as session:
            moved(
                session,
                order.enrollment_id,
                order.step_id,
                version=order.version,
                counts_from=order.counts_from,
            )
            ledger.leave_steps(session, order.enrollment_id, but=order.step_id)

    def _local_time(self, order: AnswerInput, question: NextLocalTime) -> datetime:
        if order.skip:
            return question.not_before
        with self._database.read() as session:
            zone = zone_of(session, order.contact_id, self._shop)
        return next_local_time(question.not_before, question.local_time, zone)

    def _best_time(self, order: AnswerInput, question: NextBestTime) -> datetime:
        if order.skip:
            return question.not_before
        with self._database.read() as session:
            contact_id = canonical_id(session, order.contact_id)
            choice = self._best_times.choose(
                session,
                question,
                contact_id=contact_id,
                seed=f"{order.enrollment_id}/{order.step_id}",
                now=order.now,
            )
        with self._database.write() as session:
            keep_choice(
                session,
                choice,
                enrollment_id=order.enrollment_id,
                step_id=order.step_id,
                contact_id=contact_id,
                now=order.now,
            )
        return choice.at

    def _date(self, order: AnswerInput, question: NextDate) -> datetime | None:
        if order.skip:
            return None  # a letter about a day is not sent on any day
        with self._database.read() as session:
            return next_date(
                session,
                question,
                enrollment_id=order.enrollment_id,
                contact_id=canonical_id(session, order.contact_id),
                now=order.now,
                shop=self._shop,
            )

    def _stand(self, order: AnswerInput) -> None:
        """Record that an enrollment that was parked at its question is under way again."""
        with self._database.read() as session:
            enrollment = session.get_one(Enrollment, order.enrollment_id)
        if enrollment.state == EnrollmentState.PARKED:
            with self._database.write() as session:
                stand_at(session, order.enrollment_id, enrollment.step_id, now=order.now)

    def _variant(self, order: AnswerInput, question: WhichVariant) -> AnswerResult:
        plan = of_question(question)
        with self._database.write() as session:
            contact_id = canonical_id(session, order.contact_id)
            variant = plan.first  # who is to go on without an answer draws nothing
            if not order.skip:
                variant = go_on_by(
                    session,
                    plan,
                    enrollment_id=order.enrollment_id,
                    contact_id=contact_id,
                    now=order.now,
                    now_wall=self._clock.now(),
                )
            branch = plan.variants.index(variant)
            stand_at(session, order.enrollment_id, question.next_steps[branch], now=order.now)
        return AnswerResult(branch=branch)

    def _branch(self, order: AnswerInput, question: WhichBranch) -> AnswerResult:
        with self._database.write() as session:
            contact_id = canonical_id(session, order.contact_id)
            entry_key = session.get_one(Enrollment, order.enrollment_id).entry_key
            asked = () if order.skip else question.conditions
            holding = (
                index
                for index, condition in enumerate(asked)
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
