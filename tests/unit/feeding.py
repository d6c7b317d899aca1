"""What the tests of feeds share: a source on this machine that behaves as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from sekvens.feeds.section import FeedSettings
from sekvens.settings import SAMPLE_SHOP, load_settings

#: Long enough for a machine that stalls: no test waits for its end but those of slowness.
PATIENT = 5.0
PLACE = {"latitude": 61.7834, "longitude": "16.5551"}


def weather(**changes: Any) -> FeedSettings:
    """The shop's own weather, changed."""
    return msgspec.structs.replace(_shops_own(), **changes)


@cache
def _shops_own() -> FeedSettings:
    return load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}).feeds["weather"]


def daily(code: object = 73, high: object = -2.6, low: object = -11.3) -> dict[str, Any]:
    """An answer in Open-Meteo's shape."""
    told = {"weather_code": [code], "temperature_2m_max": [high], "temperature_2m_min": [low]}
    return {"latitude": 61.8, "longitude": 16.6, "daily": {"time": ["2026-12-01"], **told}}


class Source:
    """A source: how it behaves, and which paths it was asked for."""

    def __init__(self) -> None:
        self.manner: str | int = "well"
        self.answer: object = daily()
        self.asked: list[str] = []
        self.agents: list[str | None] = []
        self.ends = threading.Event()
        self.port = 0

    def settings(self, **changes: Any) -> FeedSettings:
        """The weather, asked here."""
        url = f"http://127.0.0.1:{self.port}/forecast?at={{latitude}},{{longitude}}"
        given = {"hosts": ("127.0.0.1",), "allow_private": True, "timeout_seconds": PATIENT}
        return weather(**({"url": url} | given | changes))

    def url(self, path: str = "/forecast") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


_OK = b"HTTP/1.1 200 OK\r\n"
_JSON = _OK + b"content-type: application/json\r\n"
#: manner -> what it begins with, what it goes on with, and how long it rests between (seconds)
_ENDLESS = {
    "says nothing": (b"", b"", 0.02),
    "trickles its headers": (_OK + b"x: ", b" ", 0.02),
    "trickles its body": (_JSON + b"\r\n", b" ", 0.02),
    "has endless headers": (_OK + b"x: ", b"x" * 4096, 0.0),
    "announces an answer without end": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
    "is endless": (_JSON + b"\r\n[1", b" " * 4096, 0.0),
    "is in chunks without end": (
        _JSON + b"transfer-encoding: chunked\r\n\r\n",
        b"400\r\n" + b" " * 1024 + b"\r\n",
        0.0,
    ),
}
#: manner -> content type and body
_BODIES = {
    "sends HTML": ("text/html; charset=utf-8", b"<b>weather</b>"),
    "says JSON and sends none": ("application/json", b"<b>weather</b>"),
    "is deep": ("application/json", b"[" * 40_000),
}


class _Handler(BaseHTTPRequestHandler):
    source: Source
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.source.asked.append(self.path)
        self.source.agents.append(self.headers["user-agent"])
        body, manner = json.dumps(self.source.answer).encode(), self.source.manner
        if isinstance(manner, int):
            self._reply(manner, body)
        elif manner in _ENDLESS:
            head, more, pause = _ENDLESS[manner]
            self._endless(head, more, pause=pause)
        elif manner in _BODIES:
            kind, other = _BODIES[manner]
            self._reply(200, other, kind=kind)
        elif manner == "is no HTTP":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
        elif manner == "breaks off":
            self._reply(200, body[:9], announced=len(body))
        elif manner == "leads elsewhere":
            self._reply(302, b"{}", location=self.source.url("/elsewhere"))
        elif manner == "is packed":
            self._reply(200, body, content_encoding="gzip")
        else:
            assert manner == "well"
            self._reply(200, body)

    def _reply(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = "application/json; charset=utf-8",
        announced: int | None = None,
        **headers: str,
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body) if announced is None else announced))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _endless(self, head: bytes, more: bytes, *, pause: float) -> None:
        """Send more and more, until the test is over or nobody listens."""
        try:
            self.wfile.write(head)
            while not self.source.ends.wait(pause):
                self.wfile.write(more)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def source() -> Iterator[Source]:
    """Serve one, for the length of a block."""
    made = Source()
    handler = type("Handler", (_Handler,), {"source": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
