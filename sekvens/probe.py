"""`python -m sekvens.probe` asks the process beside it whether it is well; the exit code tells.

For containers, whose health port is seen by nobody outside. It imports next to nothing, because it
is asked every few seconds.
"""

import os
import socket
import sys
from collections.abc import Mapping

TIMEOUT_SECONDS = 5.0
API_PORT = "8080"  #: the default of `api.port`


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Ask for health; 0 if it is well, else 1.

    With `--alive` any answer will do: a process that waits for its database lives, and starting it
    anew would not help. The port is `SEKVENS_HEALTH_PORT`, or else the API's own.
    """
    port = environ.get("SEKVENS_HEALTH_PORT") or environ.get("SEKVENS_API__PORT") or API_PORT
    status = ask(int(port))
    print(status or "no answer")  # noqa: T201  kubectl describe shows it
    return 0 if status == "200" or (status and "--alive" in arguments) else 1


def ask(port: int) -> str:
    """Return the status that `GET /health` on this machine is answered with; empty: none came."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as asked:
            asked.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            words = asked.makefile("rb").readline(256).split()
    except OSError:
        return ""
    return words[1].decode("ascii", "replace") if len(words) > 1 else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
