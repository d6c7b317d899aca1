"""The demo's last resort: ends every service when the supervisor dies without having done so.

The supervisor holds the other end of this process's standard input. Whatever happens to the
supervisor, that end closes, and whoever is still on the list is told to stop.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

#: After this long, a service that was told to stop is killed.
PATIENCE_SECONDS = 5.0


def main() -> None:
    """Read `+<id>` and `-<id>` lines until the supervisor is gone, then end who is left."""
    # Ctrl-C in the terminal is the supervisor's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    left = set[int]()
    for line in sys.stdin:
        change, process_id = line[:1], int(line[1:])
        (left.add if change == "+" else left.discard)(process_id)
    _signal(left, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < deadline:
        left = {process_id for process_id in left if _is_alive(process_id)}
        time.sleep(0.1)
    _signal(left, signal.SIGKILL)


def _signal(process_ids: Iterable[int], number: signal.Signals) -> None:
    for process_id in process_ids:
        try:
            os.killpg(process_id, number)
        except (ProcessLookupError, PermissionError):
            continue


def _is_alive(process_id: int) -> bool:
    try:
        os.killpg(process_id, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()
