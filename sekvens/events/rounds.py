"""Rounds: work that is done again and again, at once while there is some, less often without.

Nothing that the work raises ends the rounds: an outage is said in a sentence and waited for, and a
bug in one half of the relay must not take the other half's mail down with it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sekvens.errors import NotDelivered
from sekvens.log import where

logger = logging.getLogger(__name__)

#: An exit must reach the workflow well within a second of the purchase, so an idle relay looks this
#: often; two looks of the longest kind and a batch still leave half of that second.
IDLE_MIN = timedelta(milliseconds=50)
IDLE_MAX = timedelta(milliseconds=250)
#: When database or Temporal are down: doubled each time, with full jitter, so that relays do not
#: come back in step; short at the end, because people are waiting for their e-mails.
BACKOFF_MIN = timedelta(milliseconds=200)
BACKOFF_MAX = timedelta(seconds=10)
#: What lasts is said once in so long: several halves wait for the same database.
SAID_AGAIN_AFTER = timedelta(minutes=1)


async def repeat(
    work: Callable[[], Awaitable[int]], stop: asyncio.Event, *, nudge: asyncio.Event | None = None
) -> None:
    """Do the work, which tells how much it did, until `stop` is set.

    Args:
        work: one round.
        stop: ends the rounds.
        nudge: set by whoever has made work: the next round begins at once.
    """
    idle, backoff, quiet_until = IDLE_MIN, BACKOFF_MIN, 0.0
    while not stop.is_set():
        try:
            done = await work()
        except Exception as error:  # noqa: BLE001  whatever it is, it is said and tried again
            if time.monotonic() >= quiet_until:
                _complain(error)
                quiet_until = time.monotonic() + SAID_AGAIN_AFTER.total_seconds()
            await _pause(stop, backoff * random.uniform(0.5, 1.5))  # noqa: S311  jitter is no secret
            backoff = min(backoff * 2, BACKOFF_MAX)
            continue
        backoff, quiet_until = BACKOFF_MIN, 0.0
        if done:
            idle = IDLE_MIN
            continue
        await _pause(nudge or stop, idle)
        idle = min(idle * 1.5, IDLE_MAX)
        if nudge is not None:
            nudge.clear()


async def _pause(event: asyncio.Event, duration: timedelta) -> None:
    """Wait for an event, but no longer than this."""
    try:
        async with asyncio.timeout(duration.total_seconds()):
            await event.wait()
    except TimeoutError:
        return


def _complain(error: Exception) -> None:
    """Say in one sentence that a service is down; of a bug, say where it happened."""
    if isinstance(error, NotDelivered):
        logger.warning("%s", error, extra={"action": "temporal_unavailable"})
    elif isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        logger.warning(
            "the database cannot be reached (%s); nothing is lost, trying again",
            type(error).__name__,
            extra={"action": "database_unavailable"},
        )
    else:
        logger.error("the relay met a bug: %s", where(error), extra={"action": "relay_failed"})
