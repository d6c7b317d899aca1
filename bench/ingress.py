"""Events taken in per second over HTTP, against an app that parses JSON and replies 200.

The real API process: authorised, deduplicated, folded into carts and committed before the reply.
Both apps get the same bytes from the same client, which shares the machine with them.
`python -m bench.ingress [--short] [--postgres]`
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.harness import (
    Figure,
    arguments,
    cpu_seconds,
    listens,
    machine,
    new_site,
    postgres,
    running,
    say,
    scratch,
    show,
)
from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.demo import services
from sekvens.demo.ports import HOST
from sekvens.demo.processes import Processes, Service
from tests.ports import free_port

#: Contacts whose events these are.
CONTACTS = 1000
BATCH = 50
#: Connections at once, each with one request on its way.
CONNECTIONS = 64
BATCH_CONNECTIONS = 8


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is posted, and how."""

    name: str
    path: str
    events: int  #: in one request
    connections: int
    requests: int


@dataclass(frozen=True, kw_only=True)
class Target:
    """Who gets it."""

    name: str
    process: str
    port: int


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "", ("--postgres", "keep the facts in PostgreSQL, not SQLite"))
    print(machine())
    scale = 1 if given.short else 20
    loads = [
        Load(name=f"one event a request, {CONNECTIONS} connections", path="/v1/track",
             events=1, connections=CONNECTIONS, requests=500 * scale),
        Load(name=f"{BATCH} events a request, {BATCH_CONNECTIONS} connections", path="/v1/batch",
             events=BATCH, connections=BATCH_CONNECTIONS, requests=20 * scale),
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch())
        site = new_site(folder)
        environ = site.environ(os.environ)
        if given.postgres:
            environ["SEKVENS_DATABASE__URL"] = stack.enter_context(postgres(folder))
        _prepare(environ["SEKVENS_DATABASE__URL"])
        bare = _bare_api()
        targets = [
            Target(name="parse and reply", process="bare-api", port=int(bare.command[-1])),
            Target(name="Sekvens", process="api", port=site.ports.api),
        ]
        processes = stack.enter_context(running(environ, folder / "logs", bare, services.api(site)))
        authorization = base64.b64encode(f"{site.write_key}:".encode()).decode()
        for load in loads:
            say(f"{load.requests} requests to each app: {load.name}")
            figures = [_figure(load, target, processes, authorization) for target in targets]
            show(f"Events taken in: {load.name}", figures, unit="events")


def _figure(load: Load, target: Target, processes: Processes, authorization: str) -> Figure:
    requests = list(_requests(load, f"{target.name}-{load.events}", authorization))
    warm_up = load.connections
    asyncio.run(_post_all(requests[:warm_up], target.port, load.connections))
    before, began = _cpu(processes, target), time.perf_counter()
    waits = asyncio.run(_post_all(requests[warm_up:], target.port, load.connections))
    took = time.perf_counter() - began
    events = load.requests * load.events
    waits.sort()
    spent = (_cpu(processes, target) - before) * 1e6 / events
    replies = f"reply after {_at(waits, 0.5)}, 99 of 100 within {_at(waits, 0.99)}"
    return Figure(
        name=target.name,
        per_second=events / took,
        note=f"CPU {spent:.0f} µs each; {replies}",
    )


def _cpu(processes: Processes, target: Target) -> float:
    return cpu_seconds(processes.process_ids()).get(target.process, 0.0)


def _at(waits: list[float], share: float) -> str:
    return f"{waits[int(len(waits) * share)] * 1000:.0f} ms"


def _requests(load: Load, prefix: str, authorization: str) -> Iterator[bytes]:
    """Write the requests down beforehand: the client must not cost more than the server."""
    chance = random.Random(0)  # noqa: S311  the same events each time
    numbers = itertools.count()
    for _ in range(load.requests + load.connections):
        events = [_event(f"{prefix}-{next(numbers)}", chance) for _ in range(load.events)]
        body = json.dumps(events[0] if load.events == 1 else {"batch": events}).encode()
        head = (
            f"POST {load.path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {authorization}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _event(message_id: str, chance: random.Random) -> dict[str, object]:
    """Make what shops post most: somebody looks, or puts something into the cart."""
    contact = chance.randrange(CONTACTS)
    product = {"product_id": f"p{chance.randrange(40)}", "name": "Tröjan Dellen", "price": 1495,
               "quantity": 1, "url": "https://hallgrensylle.example/trojan-dellen"}  # fmt: skip
    name = "Product Added" if chance.random() < 0.3 else "Product Viewed"
    return {
        "type": "track",
        "event": name,
        "userId": f"user-{contact}",
        "messageId": message_id,
        "properties": product | {"cart_id": f"cart-{contact}"},
    }


async def _post_all(requests: list[bytes], port: int, connections: int) -> list[float]:
    """Post everything over so many connections; tell how long each reply took, in seconds.

    Raises:
        RuntimeError: a reply was not 200.
    """
    upcoming = iter(requests)
    waits: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for request in upcoming:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"port {port} replied {head.splitlines()[0].decode()}")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            waits.append(time.perf_counter() - began)
        writer.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(connection())
    return waits


def _bare_api() -> Service:
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_api", str(port)]
    return Service(name="bare-api", command=command, is_ready=listens(port))


def _prepare(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.close()


if __name__ == "__main__":
    main()
