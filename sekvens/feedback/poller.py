"""The poller: SES's events from the queue into the database, until it is told to stop.

Several may run: what each has received is hidden from the others for a while, and taking the same
report in twice changes nothing. It may die at any point: what was not deleted comes again.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import DBAPIError

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.fault_points import FaultPoint, reached
from sekvens.feedback.queue import BATCH_MAX, Queue
from sekvens.feedback.reading import Report, read_report
from sekvens.feedback.taking import Taker, log_fault
from sekvens.flows.shop_time import ShopTime
from sekvens.sections import FeedbackSettings

logger = logging.getLogger(__name__)

#: When queue or database are down: doubled each time.
BACKOFF_MIN = timedelta(seconds=1)
BACKOFF_MAX = timedelta(seconds=15)
#: A batch at hand is finished; a long poll is broken off: what it would have got comes again.
STOP_PATIENCE = timedelta(seconds=2)


class FeedbackPoller:
    """Reads one queue, in a thread of its own."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        clock: Clock,
        shop_time: ShopTime,
        feedback: FeedbackSettings,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._taker = Taker(
            database=database,
            clock=clock,
            shop_time=shop_time,
            feedback=feedback,
        )
        self._wait = timedelta(seconds=feedback.wait_seconds)
        self._delay_max = timedelta(seconds=feedback.event_delay_seconds)

    def run(self, stop: threading.Event) -> None:
        """Poll until `stop` is set; say once when queue or database are away, and when back."""
        backoff = BACKOFF_MIN
        while not stop.is_set():
            try:
                self.poll_once(stop=stop)
            except (BotoCoreError, ClientError, DBAPIError) as error:
                if backoff == BACKOFF_MIN:
                    _log_away(error)
                stop.wait(backoff.total_seconds())
                backoff = min(backoff * 2, BACKOFF_MAX)
            except Exception as error:  # noqa: BLE001  a bug here must not end the stream for good
                log_fault(error)
                stop.wait(BACKOFF_MAX.total_seconds())
            else:
                if backoff > BACKOFF_MIN:
                    extra = {"action": "dependency_back", "dependency": "feedback"}
                    logger.info("feedback is read again", extra=extra)
                backoff = BACKOFF_MIN

    def poll_once(self, *, stop: threading.Event | None = None) -> int:
        """Receive one batch and take it in; tell how many messages it had.

        What is received after `stop` is left alone: it comes again.
        """
        # Before the call: a process that is frozen afterwards must not claim to know more.
        looked_at = self._clock.now()
        received = self._queue.receive(wait=self._wait)
        if stop is not None and stop.is_set():
            return 0
        if received:
            reached(FaultPoint.FEEDBACK_RECEIVED)
        now = self._clock.now()
        reports = [read_report(each.body, now=now) for each in received]
        caught_up_at = looked_at if self._is_all(reports, looked_at) else None
        kept = self._taker.take(reports, now=now, queue_url=self._queue.url, looked_at=caught_up_at)
        done = [each for each, report in zip(received, reports, strict=True)
                if report.id not in kept]  # fmt: skip
        self._queue.delete(done)
        return len(received)

    def _is_all(self, reports: Sequence[Report], looked_at: datetime) -> bool:
        """Tell whether the queue had nothing more: it gave few, and none that lay there long.

        A long poll asks all of SQS's servers; a full batch says that there may be more.
        """
        oldest = looked_at - self._delay_max
        return len(reports) < BATCH_MAX and all(report.at > oldest for report in reports)


@contextmanager
def polling(poller: FeedbackPoller) -> Iterator[None]:
    """Read feedback in a thread for the length of a block."""
    stop = threading.Event()
    # A long poll cannot be broken off, and a process that stops shall not wait for it.
    thread = threading.Thread(target=poller.run, args=[stop], name="feedback", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_PATIENCE.total_seconds())


def _log_away(error: Exception) -> None:
    logger.warning(
        "feedback cannot be read (%s); nothing is lost, trying again",
        type(error).__name__,
        extra={"action": "dependency_unreachable", "dependency": "feedback"},
    )
