"""What a form of ours posted, read within limits: a body is small, and each field has one value."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

#: Our forms are short; whatever is longer was not filled in by hand.
BODY_BYTES_MAX: Final = 16 * 1024
#: More fields than any form of ours has.
FIELDS_MAX: Final = 100


async def body_of(request: Request, *, bytes_max: int = BODY_BYTES_MAX) -> bytes | None:
    """Read a body; None if it is longer than anything we ask for."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            return None
    return body


async def posted_fields(request: Request) -> dict[str, str]:
    """Tell the fields of a form, the last of each name; none if it is none of ours."""
    return fields_of(await body_of(request) or b"")


def fields_of(body: bytes) -> dict[str, str]:
    """Read a form's fields from its body."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: value.strip() for name, value in pairs}
