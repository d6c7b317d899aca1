"""Answers that are costly to find: kept for a while, so that no look, nor any poll, asks again.

The costlier, the longer: an answer is asked for anew after `REST` times as long as it took. One of
a small shop is always new; one that takes three seconds is a minute old at the most.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from sqlalchemy.orm import Session

from sekvens.web.dashboard.asked import Asked, House

T = TypeVar("T")

REST: Final = 20


@dataclass
class _Newest(Generic[T]):
    """The newest answer about one thing, and whose turn it is to ask."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    answer: tuple[House, float, T] | None = None


class Kept(Generic[T]):
    """One question, and its newest answer about each thing that it is asked of.

    One per process; threads share it, and of each thing one asks. What it is asked of is known to
    be there, or every name that somebody makes up would be kept.
    """

    def __init__(self, ask: Callable[[House, Session, Asked, str], T]) -> None:
        self._ask = ask
        self._newest: defaultdict[str, _Newest[T]] = defaultdict(_Newest)

    def answer(self, house: House, session: Session, asked: Asked, of: str = "") -> T:
        """Ask, unless the last answer of this house is new enough."""
        newest = self._newest[of]
        with newest.turn:
            if newest.answer is not None:
                whose, until, kept = newest.answer
                if whose is house and time.monotonic() < until:
                    return kept
            began = time.monotonic()
            found = self._ask(house, session, asked, of)
            ended = time.monotonic()
            newest.answer = house, ended + REST * (ended - began), found
            return found
