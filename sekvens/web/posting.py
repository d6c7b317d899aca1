"""What all that a shop's backend posts has in common: the write key, the size, gzip.

As Segment's API has it, so that whatever posts events can post the rest: 400 where posting again
cannot help, 401 without a key.
"""

import asyncio
import base64
import binascii
import hmac
import zlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sekvens.events.segment import Malformed
from sekvens.web.bodies import body_of
from sekvens.web.replies import EndsEarly, failure

#: RudderStack's clients fill a batch to this size; the same limit holds before and after unpacking.
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
#: Reading a larger body would hold up everybody else's.
INLINE_BYTES_MAX: Final = 128 * 1024


class Keyed(Protocol):
    """What was posted, with the key that stood in the body."""

    @property
    def write_key(self) -> str | None:
        """The key, if one stood there."""


_P = TypeVar("_P", bound=Keyed)


class WriteKeys:
    """The keys by which the shop's backend is known."""

    def __init__(self, keys: Sequence[str]) -> None:
        # A key that is empty would let in whoever gives none.
        self._keys = [key.strip().encode() for key in keys if key.strip()]

    def authorize(self, request: Request) -> bool:
        """Tell whether the header is good; none may mean that the body has the key.

        Raises:
            EndsEarly: there is a header, and it is wrong.
        """
        header = request.headers.get("authorization")
        if header is None:
            return False
        scheme, _, credentials = header.partition(" ")
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True)
        except (binascii.Error, ValueError):
            decoded = b""
        if scheme.lower() != "basic" or not self.has(decoded.partition(b":")[0]):
            raise EndsEarly(_unauthorized())
        return True

    def has(self, given: bytes | str | None) -> bool:
        """Tell whether a key is one of them."""
        given = given.encode("utf-8", "replace") if isinstance(given, str) else given or b""
        # Every key is compared, so that the time taken tells nothing about which of them is near.
        fits = [hmac.compare_digest(given, key) for key in self._keys]
        return any(fits)


async def posted(request: Request, keys: WriteKeys, read: Callable[[bytes], _P]) -> _P:
    """Read what a backend posts, with `read`, and look at its key.

    Raises:
        EndsEarly: without a key, or where `read` finds it `Malformed`.
    """
    is_known = keys.authorize(request)
    body = await _body(request)

    def parse() -> _P:
        try:
            return read(_unpacked(body, request))
        except Malformed as error:
            raise EndsEarly(failure(400, "invalid_request", str(error))) from None

    found = parse() if len(body) <= INLINE_BYTES_MAX else await asyncio.to_thread(parse)
    if not (is_known or keys.has(found.write_key)):
        raise EndsEarly(_unauthorized())
    return found


async def _body(request: Request) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_BYTES_MAX:
        raise EndsEarly(_too_large())
    try:
        body = await body_of(request, bytes_max=BODY_BYTES_MAX)
    except ClientDisconnect:
        raise EndsEarly(failure(400, "invalid_request", "the body broke off")) from None
    if body is None:
        raise EndsEarly(_too_large())
    return body


def _unpacked(body: bytes, request: Request) -> bytes:
    # By Content-Encoding whatever the Content-Type says: RudderStack's Node client sends gzip
    # under a form's content type.
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise EndsEarly(
            failure(400, "unsupported_encoding", "Content-Encoding may be gzip or nothing")
        )
    unpacking = zlib.decompressobj(wbits=31)
    try:
        whole = unpacking.decompress(body, BODY_BYTES_MAX + 1)
    except zlib.error:
        raise EndsEarly(failure(400, "invalid_request", "the body is not valid gzip")) from None
    if len(whole) > BODY_BYTES_MAX:
        raise EndsEarly(_too_large())
    if not unpacking.eof:
        raise EndsEarly(failure(400, "invalid_request", "the gzip body breaks off"))
    return whole


def _unauthorized() -> Response:
    return failure(
        401,
        "unauthorized",
        "give a write key as the user name of HTTP Basic, or as writeKey in the body",
        {"WWW-Authenticate": 'Basic realm="sekvens"'},
    )


def _too_large() -> Response:
    # Segment answers 400 here, and its clients know what to do with that.
    megabytes = BODY_BYTES_MAX // (1024 * 1024)
    return failure(400, "too_large", f"a request holds at most {megabytes} MB; post several")
