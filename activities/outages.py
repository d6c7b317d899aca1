"""What an activity meets when the database is away: one sentence, and Temporal tries again.

Without it each attempt of each activity would write a traceback to the log, thousands of lines a
minute, and the SQL that failed into Temporal's history.
"""

import logging
import threading
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from sekvens.outages import is_outage

logger = logging.getLogger("sekvens.worker")


class Outages(Interceptor):
    """Tells outages of the database, once. One per process: its workers share it."""

    def __init__(self) -> None:
        self._is_away = False
        self._lock = threading.Lock()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  the SDK's name
        """Stand before every activity."""
        return _Telling(next, self)

    def away(self, error: Exception) -> None:
        """Say, once, that the database is away."""
        if self._turns(to=True):
            extra = {"action": "dependency_unreachable", "dependency": "the database"}
            text = "the database cannot be reached (%s); nothing is lost, trying again"
            logger.warning(text, type(error).__name__, extra=extra)

    def back(self) -> None:
        """Say, once, that it is back."""
        if self._turns(to=False):
            extra = {"action": "dependency_back", "dependency": "the database"}
            logger.info("the database is back", extra=extra)

    def _turns(self, *, to: bool) -> bool:
        with self._lock:
            turns, self._is_away = self._is_away != to, to
            return turns


class _Telling(ActivityInboundInterceptor):
    def __init__(self, next_: ActivityInboundInterceptor, outages: Outages) -> None:
        super().__init__(next_)
        self._outages = outages

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  the SDK's name
        try:
            result = await super().execute_activity(input)
        except Exception as error:
            if not (isinstance(error, DBAPIError | PoolTimeout) and is_outage(error)):
                raise
            self._outages.away(error)
        else:
            self._outages.back()
            return result
        # Raised out here, without the error: its text is SQL. Benign: the SDK writes no traceback.
        raise ApplicationError(
            "the database cannot be reached; nothing is lost, this is tried again",
            type="DatabaseUnavailable",
            category=ApplicationErrorCategory.BENIGN,
        )
