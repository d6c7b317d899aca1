"""The breaker: holds marketing before SES would pause all our mail, until a person has looked.

It looks at most once a minute in each process, and what it decides stands in the database, for
every process. Order mail is never held by it; its rates are only warned of.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.flows.steps import Purpose
from sekvens.reputation.counts import rates
from sekvens.reputation.rates import Kind, Level, Rate
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import is_turned, turn

logger = logging.getLogger(__name__)

LOOK_INTERVAL = timedelta(minutes=1)


class Breaker:
    """Looks at the rates now and then. One per process; threads share it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._looking = threading.Lock()
        self._looked_at: datetime | None = None
        self._warned: dict[tuple[str, Kind], Level] = {}

    def look(self) -> None:
        """Hold marketing if the rates say so; do nothing if somebody has looked just now."""
        now = self._clock.now()
        if self._looked_at is not None and now - self._looked_at < LOOK_INTERVAL:
            return
        # One thread counts; the others have messages to send.
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._looked_at = now
            with self._database.read() as session:
                found = rates(session, now=now)
            self._say(found)
            tripping = [rate for rate in found if trips(rate)]
            if tripping:
                with self._database.write() as session:
                    trip(session, tripping, now=now)
        finally:
            self._looking.release()

    def _say(self, found: Sequence[Rate]) -> None:
        """Warn of a rate once, and again when it has been fine in between."""
        for rate in found:
            level, before = rate.level, self._warned.get((rate.purpose, rate.kind))
            self._warned[rate.purpose, rate.kind] = level
            if level not in (Level.FINE, before):
                extra = {"action": "reputation_warned", "reason": rate.kind.value}
                logger.warning("%s", rate.in_words(), extra=extra)


def trips(rate: Rate) -> bool:
    """Tell whether a rate holds marketing."""
    return rate.purpose == Purpose.MARKETING and rate.level == Level.PAUSE


def trip(session: Session, tripping: Sequence[Rate], *, now: datetime) -> bool:
    """Hold marketing, and say why; False: it is held already. `now` is wall time."""
    if is_turned(session, BREAKER):
        return False
    why = "; ".join(rate.in_words() for rate in tripping)
    turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note=why, now=now)
    extra = {"action": "breaker_tripped", "reason": ", ".join(rate.kind for rate in tripping)}
    logger.error("marketing is held until `starter.py resume --breaker`: %s", why, extra=extra)
    return True
