"""Whether a source is asked, or left alone because it has failed: for a minute, then for longer.

After a rest one question goes out, and all others wait for what comes of it. Times are seconds of
wall time; whoever calls holds a lock.
"""

from dataclasses import dataclass
from typing import Final

#: So many failures in a row, and it rests.
FAILURES_MAX: Final = 3
FIRST_REST_SECONDS: Final = 60.0
#: It doubles up to this, so that a source that is back is asked again within a quarter of an hour.
REST_SECONDS_MAX: Final = 900.0


@dataclass
class Resting:
    """How one source has fared lately."""

    failures: int = 0
    until: float = 0.0
    is_tried: bool = False  #: one question is out, to see whether it is back

    def lets_through(self, now: float) -> bool:
        """Tell whether a question may go out; after a rest, one may."""
        if self.failures < FAILURES_MAX:
            return True
        if now < self.until:
            return False
        # The question may die with its thread: after another such while the next one goes.
        self.until, self.is_tried = now + FIRST_REST_SECONDS, True
        return True

    def answered(self) -> None:
        """Note an answer: all is well again."""
        self.failures, self.is_tried = 0, False

    def failed(self, now: float) -> bool:
        """Note a failure, and tell whether a rest begins by it.

        Those who were asking already when it began add nothing: it is one outage.
        """
        if self.failures >= FAILURES_MAX and not self.is_tried:
            return False
        self.failures, self.is_tried = self.failures + 1, False
        if self.failures < FAILURES_MAX:
            return False
        doubled = FIRST_REST_SECONDS * (1 << min(self.failures - FAILURES_MAX, 16))
        self.until = now + min(doubled, REST_SECONDS_MAX)
        return True
