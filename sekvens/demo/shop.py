"""The shop's backend of the demo: tells the story to the API with Segment's own client.

`python -m sekvens.demo.shop --api URL --write-key KEY --opens FILE`. The client is the registry's,
unmodified; all it is given is our address and a write key. The shop prepares while the services
start, and opens when `FILE` says at what instant the story begins; how fast its days pass is in the
settings.
"""

import argparse
import logging
import signal
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sekvens.clock import Clock, SystemClock
from sekvens.demo.calls import Call
from sekvens.demo.cast import choose_cast
from sekvens.demo.clicking import Clicker
from sekvens.demo.products import read_products
from sekvens.demo.purchases import purchases_file, read_purchases
from sekvens.demo.story import tell
from sekvens.flows.shop_time import ShopTime
from sekvens.settings import load_settings

#: Half a second, the client's default, would be hours of the demo's time.
UPLOAD_INTERVAL_SECONDS = 0.05
#: How often a shop that is not open yet looks whether it is.
LOOK_SECONDS = 0.05


class SegmentClient(Protocol):
    """What is used of `segment.analytics.Client`."""

    def identify(
        self,
        *,
        user_id: str | None,
        anonymous_id: str | None,
        traits: dict[str, Any],
        timestamp: datetime | None,
    ) -> object: ...

    def track(
        self,
        *,
        user_id: str | None,
        anonymous_id: str | None,
        event: str | None,
        properties: dict[str, Any],
        timestamp: datetime | None,
    ) -> object: ...

    def page(
        self,
        *,
        user_id: str | None,
        anonymous_id: str | None,
        properties: dict[str, Any],
        timestamp: datetime | None,
    ) -> object: ...


def post(call: Call, client: SegmentClient, *, at: datetime | None = None) -> None:
    """Make one call of the story; `at` says when it happened, if that is long past."""
    data = dict(call.data)
    who = {"user_id": call.user_id, "anonymous_id": call.anonymous_id}
    if call.type == "identify":
        client.identify(**who, traits=data, timestamp=at)
    elif call.type == "page":
        client.page(**who, properties=data, timestamp=at)
    else:
        client.track(**who, event=call.event, properties=data, timestamp=at)


def post_all(
    story: Sequence[Call],
    client: SegmentClient,
    *,
    starts: datetime,
    shop_time: ShopTime,
    clock: Clock,
    stop: threading.Event,
    clicker: Clicker | None = None,
) -> int:
    """Make every call when its day comes, until the story or `stop` ends it; tell how many.

    What lies before day 0 is told with the time at which it happened.
    """
    for number, call in enumerate(story):
        due_at = starts + shop_time.wall_delay(timedelta(days=call.due))
        if stop.wait(max(0.0, (due_at - clock.now()).total_seconds())):
            return number
        past = shop_time.at(starts) + timedelta(days=call.day) if call.day < 0 else None
        if call.type not in ("click", "answer"):
            post(call, client, at=as_told(past, shop_time) if past else None)
        elif clicker is not None:
            clicker.click(call)
    return len(story)


def as_told(past: datetime, shop_time: ShopTime) -> datetime:
    """Tell the timestamp of something past: before the demo began, both clocks were one."""
    if shop_time.origin is None or past < shop_time.origin:
        return past
    return shop_time.origin + shop_time.wall_delay(past - shop_time.origin)


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
    cast, products = choose_cast(read_purchases(purchases_file())), read_products(given.api)
    settings = load_settings()
    shop_time, clicker = settings.shop_time(), Clicker(settings.ses.endpoint_url)
    client = Client(given.write_key, host=given.api, upload_interval=UPLOAD_INTERVAL_SECONDS)
    starts = wait_for_opening(given.opens, stop=stop)
    if starts is not None:
        threading.Thread(target=clicker.run, args=(stop,), daemon=True).start()
        post_all(
            tell(cast, products, opens_at=shop_time.at(starts)),
            client,
            starts=starts,
            shop_time=shop_time,
            clock=SystemClock(),
            stop=stop,
            clicker=clicker,
        )
    client.shutdown()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description=__doc__)
    parser.add_argument("--api", required=True, help="base address of the API")
    parser.add_argument("--write-key", required=True)
    parser.add_argument("--opens", required=True, type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
