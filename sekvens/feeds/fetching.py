"""One question to a feed: so many seconds and so many bytes at the most, whatever answers.

Both bounds lie below HTTP, where every byte passes: an answer that trickles, in its headers or in
its body, ends as soon as the time is over. Redirects are not followed, and nothing is unpacked.
"""

import http.client
import io
import socket
import time
from enum import StrEnum
from typing import Final, cast

from sekvens.outward import Forbidden, Unreachable, connected, path_of

#: Status line, headers and what chunks add; a body may be `bytes_max` beside it.
HEAD_BYTES_MAX: Final = 32 * 1024
_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "sekvens",
}
#: The question itself was wrong, not whoever was asked.
_OF_THE_QUESTION: Final = frozenset({400, 404, 410, 414, 422})


class Failure(StrEnum):
    """Why a feed told nothing, in a word for logs and metrics."""

    FORBIDDEN = "forbidden"  #: its name leads into a private network
    UNREACHABLE = "unreachable"  #: no connection, or it broke off
    TOO_SLOW = "too_slow"
    TOO_LONG = "too_long"
    REDIRECTED = "redirected"
    STATUS = "status"  #: another status than 200
    REFUSED = "refused"  #: a status that says that the question was wrong
    NOT_JSON = "not_json"  #: by its content type
    UNUSABLE = "unusable"  #: not JSON after all, or none of the fields is there
    FAULT = "fault"  #: a fault of ours

    @property
    def is_of_source(self) -> bool:
        """Whether other questions would fare no better."""
        return self not in (Failure.REFUSED, Failure.UNUSABLE)


class FeedFailed(Exception):
    """There is no answer; the text is the failure's word, and nothing of what was asked."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def fetch(url: str, *, bytes_max: int, seconds: float, allow_private: bool) -> bytes:
    """Ask a URL, and tell the body of its answer.

    Raises:
        FeedFailed: there was none in time, or none that we take.
    """
    until = time.monotonic() + seconds
    try:
        connection = connected(url, allow_private=allow_private, seconds=seconds)
    except Forbidden:
        raise FeedFailed(Failure.FORBIDDEN) from None
    except Unreachable as error:
        slow = isinstance(error.__cause__, TimeoutError)
        raise FeedFailed(Failure.TOO_SLOW if slow else Failure.UNREACHABLE) from None
    try:
        wire = _Wire(connection.sock, until=until, bytes_max=HEAD_BYTES_MAX + bytes_max)
        connection.sock.settimeout(wire.left())
        connection.request("GET", path_of(url), headers=_HEADERS)
        return _body(http.client.HTTPResponse(cast("socket.socket", wire)), bytes_max)
    except TimeoutError:
        raise FeedFailed(Failure.TOO_SLOW) from None
    except (OSError, http.client.HTTPException):
        raise FeedFailed(Failure.UNREACHABLE) from None
    finally:
        connection.close()


def _body(response: http.client.HTTPResponse, bytes_max: int) -> bytes:
    response.begin()
    if 300 <= response.status < 400:
        raise FeedFailed(Failure.REDIRECTED)
    if response.status != 200:
        refused = response.status in _OF_THE_QUESTION
        raise FeedFailed(Failure.REFUSED if refused else Failure.STATUS)
    kind = response.headers.get_content_type()
    packed = response.headers.get("content-encoding", "identity") != "identity"
    if packed or not (kind == "application/json" or kind.endswith("+json")):
        raise FeedFailed(Failure.NOT_JSON)
    body = response.read(bytes_max + 1)
    if len(body) > bytes_max:
        raise FeedFailed(Failure.TOO_LONG)
    if response.length:  # it announced more than it sent
        raise FeedFailed(Failure.UNREACHABLE)
    return body


class _Wire(io.RawIOBase):
    """A socket as `HTTPResponse` reads it, each byte within the time and the count."""

    def __init__(self, sock: socket.socket, *, until: float, bytes_max: int) -> None:
        self._sock = sock
        self._until = until
        self._bytes_left = bytes_max

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Hand itself to be read."""
        return io.BufferedReader(self)

    def left(self) -> float:
        """Tell the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: "io.BytesIO | memoryview") -> int:  # type: ignore[override]
        """Read what there is."""
        self._sock.settimeout(self.left())
        count = self._sock.recv_into(cast("memoryview", buffer))
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise FeedFailed(Failure.TOO_LONG)
        return count
