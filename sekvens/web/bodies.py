"""Reading what a request brings, and never more of it than is allowed."""

from starlette.requests import Request


async def body_of(request: Request, *, bytes_max: int) -> bytes | None:
    """Read a body; None if it is longer than that.

    Raises:
        ClientDisconnect: it broke off.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            return None
    return bytes(body)
