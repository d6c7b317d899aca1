"""Both doors' way in: reports are committed, then their contacts' barrier is passed.

What breaks one report holds up no neighbour, and nothing is said to be taken in that is not.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments.names import plain
from sekvens.events.barrier import wait_for_senders
from sekvens.feedback.intake import Intake, caught_up, take_in
from sekvens.feedback.reading import UNREADABLE, Report
from sekvens.flows.shop_time import ShopTime
from sekvens.prometheus.counted import REPORTS
from sekvens.sections import FeedbackSettings

logger = logging.getLogger(__name__)

#: Another process may suppress the same address at the same moment: whoever loses does it again.
RACES_MAX = 5


class Taker:
    """Takes reports in. Threads share it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        feedback: FeedbackSettings,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._soft_bounces_max = feedback.soft_bounces_max

    def take(
        self,
        reports: Sequence[Report],
        *,
        now: datetime,
        queue_url: str = "",
        looked_at: datetime | None = None,
    ) -> frozenset[str]:
        """Take a batch in; `now` is wall time.

        Args:
            reports: What has come.
            now: Wall time.
            queue_url: The queue that they came from.
            looked_at: Record that all that lay in the queue at this instant has been read.

        Returns:
            The ids of those that must come again.

        Raises:
            DBAPIError: the database is away; all of them must come again.
        """
        try:
            intake = self._commit(reports, now=now, queue_url=queue_url, looked_at=looked_at)
        except Exception as error:
            if is_away(error):
                raise
            intake = self._one_by_one(reports, now=now)
        _tell_of(intake.fresh)
        if intake.contact_ids:
            wait_for_senders(self._database, intake.contact_ids, clock=self._clock)
        return intake.too_early

    def _commit(
        self,
        reports: Sequence[Report],
        *,
        now: datetime,
        queue_url: str = "",
        looked_at: datetime | None = None,
    ) -> Intake:
        for race in range(1, RACES_MAX + 1):
            try:
                with self._database.write() as session:
                    intake = take_in(
                        session,
                        reports,
                        now=now,
                        shop_time=self._shop_time,
                        soft_bounces_max=self._soft_bounces_max,
                    )
                    if looked_at is not None:
                        caught_up(session, queue_url, at=looked_at)
                    return intake
            except IntegrityError:
                if race == RACES_MAX:
                    raise
        raise AssertionError("the last race was either won or lost")

    def _one_by_one(self, reports: Sequence[Report], *, now: datetime) -> Intake:
        """Take in what as a batch could not be: what breaks one report holds up no neighbour.

        What the database refuses is recorded without its content. What we have a fault with comes
        again, for a mended process or a dead-letter queue.
        """
        early: set[str] = set()
        changed: set[str] = set()
        fresh: list[Report] = []
        for report in reports:
            bare = Report(id=report.id, type=UNREADABLE, message_id=None, ses_message_id=None,
                          at=now, raw={})  # fmt: skip
            try:
                intake = self._one(report, bare, now=now)
            except Exception as error:
                if is_away(error):
                    raise
                log_fault(error)
                early.add(report.id)
            else:
                early |= intake.too_early
                changed |= intake.contact_ids
                fresh += intake.fresh
        return Intake(
            too_early=frozenset(early), contact_ids=frozenset(changed), fresh=tuple(fresh)
        )

    def _one(self, report: Report, bare: Report, *, now: datetime) -> Intake:
        try:
            return self._commit([report], now=now)
        except DataError:
            return self._commit([bare], now=now)


def _tell_of(reports: Sequence[Report]) -> None:
    """Count what SES has reported, and say of which message it did."""
    for report in reports:
        REPORTS.labels(report.kind).inc()
        if report.message_id is not None:
            extra = {"action": "message_reported", "message_id": plain(report.message_id)}
            extra["kind"] = report.kind.value
            logger.info("SES reports of a message: %s", report.kind.value, extra=extra)


def is_away(error: Exception) -> bool:
    """Tell whether the database is to blame, and not what it was given."""
    return isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError)


def log_fault(error: Exception) -> None:
    """Say that we have a fault, without its text, which may hold what came."""
    logger.error(
        "a fault in reading feedback: %s",
        type(error).__name__,
        extra={"action": "feedback_failed"},
    )
