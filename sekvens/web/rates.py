"""How often one source may ask: buckets that fill again, in this process's memory.

Several API processes each count for themselves. The number of buckets is bounded: whoever has not
asked for longest is forgotten first, which lets them ask again and nobody else.
"""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

#: Buckets of one kind; each takes about 200 bytes.
BUCKETS_MAX = 20_000


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many at once, and so many a second after that."""

    burst: float
    per_second: float


class Buckets:
    """Counts what sources ask for; safe to share by threads."""

    def __init__(
        self, rate: Rate, *, seconds: Callable[[], float] = time.monotonic, most: int = BUCKETS_MAX
    ) -> None:
        self._rate = rate
        self._seconds = seconds
        self._most = most
        self._lock = threading.Lock()
        #: source -> (what is left, when it was counted)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def take(self, source: str) -> float:
        """Take one; tell 0, or in how many seconds there is one again, and then none is taken."""
        with self._lock:
            left, now = self._now(source), self._seconds()
            taken = left >= 1
            self._left[source] = (left - 1 if taken else left, now)
            self._left.move_to_end(source)
            while len(self._left) > self._most:
                self._left.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate.per_second

    def wait(self, source: str) -> float:
        """Tell in how many seconds there is one, and take none."""
        with self._lock:
            left = self._now(source)
        return 0.0 if left >= 1 else (1 - left) / self._rate.per_second

    def refill(self, source: str) -> None:
        """Forget what a source has taken."""
        with self._lock:
            self._left.pop(source, None)

    def _now(self, source: str) -> float:
        left, counted = self._left.get(source, (self._rate.burst, self._seconds()))
        since = self._seconds() - counted
        return min(self._rate.burst, left + since * self._rate.per_second)


def source_of(host: str | None) -> str:
    """Tell whom an address belongs to: of IPv6 its first half, which one household has."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
