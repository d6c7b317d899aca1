"""How long a click takes until the reader is sent on, against a plain redirect in the same app.

In this process, without a network: from the request to the head of the reply. The note of the click
is written after that; how long it keeps a thread busy is said apart.
`python -m bench.clicks [--short] [--postgres]`
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, MutableMapping
from statistics import median, quantiles
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from bench.harness import Figure, arguments, machine, postgres, say, scratch, show
from sekvens.clock import SystemClock
from sekvens.contacts.tables import Contact
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.steps import Purpose
from sekvens.messages.links import click_url
from sekvens.messages.tables import Message, MessageLinks, MessageState
from sekvens.settings import SAMPLE_SHOP, Settings, load_settings
from sekvens.web.app import create_app

MESSAGES = 200
TARGET = "https://hallgrensylle.example/nytt?utm_source=sekvens&utm_medium=email"
BROWSER = b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--postgres", "keep the facts in PostgreSQL, not SQLite"))
    print(machine())
    settings = load_settings(
        {
            "SEKVENS_SETTINGS": str(SAMPLE_SHOP),
            "SEKVENS_API__LINK_SECRET": "the-benchmarks-own-secret-which-signs-nothing",
            "SEKVENS_TRACKING__CLICKS": "always",
        }
    )
    with _database(postgres_too=given.postgres) as database:
        _fill(database)
        app = create_app(settings, database, SystemClock())
        app.add_route("/plain/{token}", _plain)
        took = asyncio.run(_measure(app, settings, rounds=100 if given.short else 2000))
    baseline, *_ = took.values()
    show("Readers sent on, one after the other",
         [Figure(name=name, per_second=1 / median(each), note=_note(each, baseline))
          for name, each in took.items() if name != "noted"], unit="clicks")  # fmt: skip
    say(f"request to note written: median {median(took['noted']) * 1000:.2f} ms")


async def _plain(_request: Request) -> Response:
    return Response(status_code=302, headers={"location": TARGET})


async def _measure(app: Starlette, settings: Settings, *, rounds: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"a plain redirect": [], "a link of an e-mail": [], "noted": []}
    for number in range(rounds):
        url = click_url(settings.api, message_id=f"m-{number % MESSAGES}", link_id="letter")
        path = url.removeprefix(settings.api.public_url)
        plain, _ = await _get(app, path.replace("/c/", "/plain/"))
        led, noted = await _get(app, path)
        for name, seconds in zip(took, (plain, led, noted), strict=True):
            took[name].append(seconds)
    return took


async def _get(app: Starlette, path: str) -> tuple[float, float]:
    """Ask for a path; tell the seconds until the reply began, and until all was done."""
    began, replied = time.perf_counter(), 0.0
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"user-agent", BROWSER)], "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("203.0.113.7", 1), "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal replied
        if message["type"] == "http.response.start":
            assert message["status"] == 302, message
            replied = time.perf_counter() - began

    await app(scope, receive, send)
    return replied, time.perf_counter() - began


def _note(seconds: list[float], baseline: list[float]) -> str:
    slow = quantiles(seconds, n=100)[94] * 1000
    ratio = median(seconds) / median(baseline)
    middle = median(seconds) * 1000
    return f"median {middle:.2f} ms, 95 % within {slow:.2f} ms, {ratio:.1f} times as long"


@contextlib.contextmanager
def _database(*, postgres_too: bool) -> Iterator[Database]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        url = f"sqlite:///{folder / 'facts.db'}"
        if postgres_too:
            url = stack.enter_context(postgres(folder))
        database = Database(url)
        stack.callback(database.close)
        upgrade(database)
        yield database


def _fill(database: Database) -> None:
    now = SystemClock().now()
    with database.write() as session:
        session.add(Contact(id="c-1", created_at=now, updated_at=now))
        session.flush()
        session.add(
            Enrollment(
                id="e-1", contact_id="c-1", workflow_id="w/c-1", flow="w", flow_version=1,
                step_id="s", started_at=now,
            )
        )  # fmt: skip
        session.flush()
        for number in range(MESSAGES):
            session.add(
                Message(
                    id=f"m-{number}", enrollment_id="e-1", step_id=f"s-{number}", contact_id="c-1",
                    flow="w", flow_version=1, template="w/s", template_digest="d",
                    purpose=Purpose.MARKETING, state=MessageState.ACCEPTED, claimed_at=now,
                )
            )  # fmt: skip
        session.flush()
        targets = {"letter": TARGET, "button": f"{TARGET}&x=1", "frame": f"{TARGET}&y=1"}
        session.add_all(
            MessageLinks(message_id=f"m-{number}", targets=targets) for number in range(MESSAGES)
        )


if __name__ == "__main__":
    main()
