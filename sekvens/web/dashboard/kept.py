"""Answers that are costly to find: kept for a while, so that no look, nor any poll, asks again.

The costlier, the longer: an answer is asked for anew after `REST` times as long as it took. One of
a small shop is always new; one that takes three seconds is a minute old at the most.
"""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from sqlalchemy.orm import Session

from sekvens.web.dashboard.asked import Asked, House

T = TypeVar("T")

REST: Final = 20


class Kept(Generic[T]):
    """One question, and its newest answer. One per process; threads share it, and one asks."""

    def __init__(self, ask: Callable[[Session, Asked], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: tuple[House, float, T] | None = None

    def answer(self, house: House, session: Session, asked: Asked) -> T:
        """Ask, unless the last answer of this house is new enough."""
        with self._lock:
            if self._answer is not None:
                of, until, kept = self._answer
                if of is house and time.monotonic() < until:
                    return kept
            began = time.monotonic()
            found = self._ask(session, asked)
            ended = time.monotonic()
            self._answer = house, ended + REST * (ended - began), found
            return found
