"""The port beside a service's work: `GET /health`, and `GET /metrics` for Prometheus.

It is not the API's own port: that one stands open to the world, and these two are for whoever runs
the installation. By default it listens on this machine alone.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from sekvens.errors import SettingsError
from sekvens.prometheus.counted import READY, REGISTRY

HOST = "127.0.0.1"
#: Whoever asks says so within this time, in seconds.
PATIENCE_SECONDS = 5.0


async def open_health_port(name: str, is_ready: Callable[[], bool]) -> asyncio.Server | None:
    """Open the port that `SEKVENS_HEALTH_PORT` names, at `SEKVENS_HEALTH_HOST`; None: it is unset.

    Raises:
        SettingsError: nothing can listen there.
    """
    port = os.environ.get("SEKVENS_HEALTH_PORT")
    host = os.environ.get("SEKVENS_HEALTH_HOST") or HOST
    if not port:
        return None
    READY.labels(name).set_function(lambda: float(is_ready()))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                asked = await reader.readuntil(b"\r\n\r\n")
            writer.write(await _reply(asked, name, is_ready()))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or asks nothing
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, host, int(port))
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "it is no port"
        raise SettingsError(f"SEKVENS_HEALTH_PORT={port} cannot be used: {reason}") from error


@asynccontextmanager
async def health_port(name: str) -> AsyncIterator[None]:
    """Keep the port open for the length of a block, in which the service is ready."""
    server = await open_health_port(name, lambda: True)
    try:
        yield
    finally:
        if server is not None:
            server.close()


async def _reply(asked: bytes, name: str, ready: bool) -> bytes:  # noqa: FBT001  of two callers, one
    path = asked.split(b" ", 2)[1:2]
    if path == [b"/metrics"]:
        # The database is asked: not by the loop that the service's work is done in.
        told = await asyncio.to_thread(generate_latest, REGISTRY)
        return _http("200 OK", CONTENT_TYPE_LATEST, told)
    body = f'{{"service": "{name}", "ready": {str(ready).lower()}}}'.encode()
    return _http("200 OK" if ready else "503 Service Unavailable", "application/json", body)


def _http(status: str, content_type: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
