"""What a form of ours posted, read within limits: a body is small, and each field has one value."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from sekvens.web.bodies import body_of

#: Our forms are short; whatever is longer was not filled in by hand.
BODY_BYTES_MAX: Final = 16 * 1024
#: More fields than any form of ours has.
FIELDS_MAX: Final = 100


async def form_of(request: Request) -> bytes:
    """Read a form's body; empty if it is longer than anything we ask for."""
    return await body_of(request, bytes_max=BODY_BYTES_MAX) or b""


async def posted_fields(request: Request) -> dict[str, str]:
    """Tell the fields of a form, the last of each name; none if it is none of ours."""
    return fields_of(await form_of(request))


def fields_of(body: bytes) -> dict[str, str]:
    """Read a form's fields from its body."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: value.strip() for name, value in pairs}
