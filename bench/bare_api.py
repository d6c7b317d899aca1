"""The baseline of `ingress`: Starlette on uvicorn that parses JSON and replies 200, and no more.

Nothing is authorised, checked or stored. `python -m bench.bare_api PORT` runs it.
"""

import sys

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """Parse what was posted, and forget it."""
    msgspec.json.decode(await request.body())
    return Response(b'{"success": true}', media_type="application/json")


def main(port: int) -> None:
    """Serve until the process is ended."""
    app = Starlette(routes=[Route("/v1/{kind}", take, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
