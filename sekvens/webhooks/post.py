"""One POST to an address from the settings: bounded in time; redirects are not followed."""

import http.client
from collections.abc import Mapping
from typing import Final

from sekvens.outward import Forbidden, Unreachable, connected, path_of

__all__ = ["Forbidden", "Unreachable", "post"]

CONNECT_SECONDS: Final = 5.0
REPLY_SECONDS: Final = 10.0


def post(url: str, *, headers: Mapping[str, str], body: bytes, allow_private: bool) -> int:
    """Post a body, and tell the status of the answer; what else it says is not read.

    Raises:
        Forbidden: the name leads to an address that is not public, and that is not allowed.
        Unreachable: there was no answer in time.
    """
    connection = connected(url, allow_private=allow_private, seconds=CONNECT_SECONDS)
    try:
        connection.sock.settimeout(REPLY_SECONDS)
        connection.request("POST", path_of(url), body=body, headers=dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()
