"""The feeds of one process: answers kept for a while, sources that failed left alone for a while.

Whatever a source does, `answers` comes back in time and raises nothing: a feed that told nothing is
not among them, and the e-mail has its other words for that. All times are wall time; what is
kept and logged says nothing of who was asked for.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitedTooLong
from threading import Lock
from typing import Final

from sekvens.feeds.fetching import Failure, FeedFailed, fetch
from sekvens.feeds.reading import Unusable, read
from sekvens.feeds.resting import Resting
from sekvens.feeds.section import FeedSettings
from sekvens.feeds.values import Answer
from sekvens.prometheus.counted import FEEDS

logger = logging.getLogger(__name__)

#: All feeds of one e-mail together take no longer: a send has other things to wait for.
TOGETHER_SECONDS: Final = 5.0
#: Questions to one source at once; whoever comes later waits for one of them, in their own time.
AT_ONCE_MAX: Final = 4
#: Answers that one process keeps; those that nobody asked for longest go first.
KEPT_MAX: Final = 2_000
#: That a question failed is kept for so long.
FAILED_SECONDS: Final = 60.0


class FeedDesk:
    """Asks feeds. One per process; called by many threads at once."""

    def __init__(
        self,
        feeds: Mapping[str, FeedSettings],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feeds = feeds
        self._monotonic = monotonic
        self._lock = Lock()
        #: (feed, URL) -> until when it is kept, and the answer; None: it failed
        self._kept: OrderedDict[tuple[str, str], tuple[float, Answer | None]] = OrderedDict()
        self._resting = {name: Resting() for name in feeds}
        # By feed: a source that hangs keeps nobody from asking another.
        self._askers = {name: ThreadPoolExecutor(AT_ONCE_MAX, f"feed-{name}") for name in feeds}

    def answers(self, asked: Mapping[str, str]) -> dict[str, Answer]:
        """Tell what the feeds answer to these URLs; one that tells nothing is not among them."""
        until, told = time.monotonic() + TOGETHER_SECONDS, {}
        for name, url in asked.items():
            answer, outcome = self._answer(name, url, max(until - time.monotonic(), 0.001))
            FEEDS.labels(name, outcome).inc()
            if answer is not None:
                told[name] = answer
        return told

    def _answer(self, name: str, url: str, seconds: float) -> tuple[Answer | None, str]:
        with self._lock:
            now = self._monotonic()
            until, kept = self._kept.get((name, url), (now, None))
            if until > now:
                self._kept.move_to_end((name, url))
                return kept, "kept"
            if not self._resting[name].lets_through(now):
                return None, "resting"
        try:
            answer = self._asked(name, url, min(seconds, self.feeds[name].timeout_seconds))
        except FeedFailed as failed:
            self._note(name, url, None, failed.failure)
            return None, failed.failure.value
        except _Busy:
            return None, "busy"
        self._note(name, url, answer, None)
        return answer, "fetched"

    def _asked(self, name: str, url: str, seconds: float) -> Answer:
        """Ask in a thread of its own: of looking up a name nobody else ends the waiting."""
        asking: Future[Answer] = Future()
        try:
            asking = self._askers[name].submit(ask, self.feeds[name], url, seconds)
            return asking.result(seconds)
        except WaitedTooLong:
            if asking.cancel():
                raise _Busy from None
            raise FeedFailed(Failure.TOO_SLOW) from None
        except FeedFailed:
            raise
        except Exception as error:  # noqa: BLE001  see below
            # Nothing that a stranger sends may stop an e-mail; its kind says where to look.
            extra = {"action": "feed_fault", "feed": name, "reason": type(error).__name__}
            logger.error("the feed %s met a fault of ours", name, extra=extra)  # noqa: TRY400
            raise FeedFailed(Failure.FAULT) from None

    def _note(self, name: str, url: str, answer: Answer | None, failure: Failure | None) -> None:
        kept_for = FAILED_SECONDS if failure else self.feeds[name].cache_minutes * 60
        with self._lock:
            now = self._monotonic()
            self._kept[name, url] = (now + kept_for, answer)
            self._kept.move_to_end((name, url))
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
            if failure is None or not failure.is_of_source:
                self._resting[name].answered()
                rests = False
            else:
                rests = self._resting[name].failed(now)
        if failure is not None:
            then = ", and is left alone for a while" if rests else ""
            extra = {"action": "feed_failed", "feed": name, "reason": failure.value}
            logger.warning("the feed %s told nothing: %s%s", name, failure, then, extra=extra)


def ask(settings: FeedSettings, url: str, seconds: float) -> Answer:
    """Ask once, whatever is kept.

    Raises:
        FeedFailed: it told nothing that we can use.
    """
    body = fetch(
        url,
        bytes_max=settings.bytes_max,
        seconds=seconds,
        allow_private=settings.allow_private,
    )
    try:
        return read(body, settings)
    except Unusable:
        raise FeedFailed(Failure.UNUSABLE) from None


class _Busy(Exception):
    """All that may ask this source at once are at it."""
