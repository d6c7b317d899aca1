"""What a limited process is asked to do in tests: everything that it must not get away with."""

import os
import socket
import time
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

from sekvens.errors import TemplateError


def burn(_argument: object) -> None:
    while True:
        pass


def sleep(_argument: object) -> None:
    time.sleep(60)


def hoard(_argument: object) -> int:
    return len("a" * 2_000_000_000)


def render_unchecked(source: str) -> int:
    return len(ImmutableSandboxedEnvironment().from_string(source).render())


def flood(_argument: object) -> str:
    return "a" * 20_000_000


def tell(_argument: object) -> dict[str, str]:
    return dict(os.environ)


def connect(port: int) -> str:
    try:
        socket.create_connection(("127.0.0.1", port))
    except OSError as error:
        return type(error).__name__ + str(error.errno)
    return "connected"


def read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        return f"refused {error.errno}"


def pipe(_argument: object) -> str:
    try:
        os.pipe()
    except OSError as error:
        return f"refused {error.errno}"
    return "a pipe"


def refuse(_argument: object) -> None:
    raise TemplateError("welcome/hello: a sentence")


def crash(_argument: object) -> None:
    os.abort()


def lie(_argument: object) -> None:
    os.write(1, b"\x80\x04cos\nsystem\n(S'id'\ntR.")
    os._exit(0)
