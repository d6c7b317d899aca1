"""The shop's backend of the demo: tells the story to the API with Segment's own client.

`python -m sekvens.demo.shop --api URL --write-key KEY --opens FILE --day-seconds N`. The client is
the registry's, unmodified; all it is given is our address and a write key. The shop prepares while
the services start, and opens when `FILE` says at what instant the story begins.
"""

import argparse
import logging
import signal
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sekvens.clock import Clock, SystemClock
from sekvens.demo.products import read_products
from sekvens.demo.purchases import purchases_file, read_purchases
from sekvens.demo.story import Call, choose_cast, tell

#: Half a second, the client's default, would be hours of the demo's time.
UPLOAD_INTERVAL_SECONDS = 0.05
#: How often a shop that is not open yet looks whether it is.
LOOK_SECONDS = 0.05


class SegmentClient(Protocol):
    """What is used of `segment.analytics.Client`."""

    def identify(
        self, *, user_id: str | None, anonymous_id: str | None, traits: dict[str, Any]
    ) -> object: ...

    def track(
        self,
        *,
        user_id: str | None,
        anonymous_id: str | None,
        event: str | None,
        properties: dict[str, Any],
    ) -> object: ...

    def page(
        self, *, user_id: str | None, anonymous_id: str | None, properties: dict[str, Any]
    ) -> object: ...


def post(call: Call, client: SegmentClient) -> None:
    """Make one call of the story."""
    data = dict(call.data)
    if call.type == "identify":
        client.identify(user_id=call.user_id, anonymous_id=call.anonymous_id, traits=data)
    elif call.type == "page":
        client.page(user_id=call.user_id, anonymous_id=call.anonymous_id, properties=data)
    else:
        client.track(
            user_id=call.user_id,
            anonymous_id=call.anonymous_id,
            event=call.event,
            properties=data,
        )


def post_all(
    story: Sequence[Call],
    client: SegmentClient,
    *,
    starts: datetime,
    day_seconds: float,
    clock: Clock,
    stop: threading.Event,
) -> int:
    """Make every call when its day comes, until the story or `stop` ends it; tell how many."""
    for number, call in enumerate(story):
        due_in = call.day * day_seconds - (clock.now() - starts).total_seconds()
        if stop.wait(max(0.0, due_in)):
            return number
        post(call, client)
    return len(story)


def wait_for_opening(file: Path, *, stop: threading.Event) -> datetime | None:
    """Wait until the file says when the story begins; None when told to stop before."""
    while not stop.wait(LOOK_SECONDS):
        text = file.read_text(encoding="ascii") if file.exists() else ""
        if text.endswith("\n"):  # all of it has been written
            return datetime.fromisoformat(text.strip())
    return None


def main() -> None:
    """Tell the story from the command line, until its end or SIGTERM."""
    from segment.analytics import Client

    given = _arguments()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    story = tell(choose_cast(read_purchases(purchases_file())), read_products(given.api))
    client = Client(given.write_key, host=given.api, upload_interval=UPLOAD_INTERVAL_SECONDS)
    starts = wait_for_opening(given.opens, stop=stop)
    if starts is not None:
        post_all(
            story,
            client,
            starts=starts,
            day_seconds=given.day_seconds,
            clock=SystemClock(),
            stop=stop,
        )
    client.shutdown()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__)
    parser.add_argument("--api", required=True, help="base address of the API")
    parser.add_argument("--write-key", required=True)
    parser.add_argument("--opens", required=True, type=Path)
    parser.add_argument("--day-seconds", required=True, type=float)
    return parser.parse_args()


if __name__ == "__main__":
    main()
