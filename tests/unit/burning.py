"""What a limited process is asked to do in tests: everything that it must not get away with."""

import os
import resource
import signal
import socket
import time
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment

from sekvens.errors import TemplateError

_seen: list[str] = []


def warm_up() -> None:
    """Be warm: this module is imported."""


def burn(_argument: object) -> None:
    while True:
        pass


def sleep(_argument: object) -> None:
    time.sleep(60)


def be_late(_argument: object) -> None:
    signal.raise_signal(signal.SIGALRM)


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getppid()


def hoard(_argument: object) -> int:
    return len("a" * 2_000_000_000)


def render_unchecked(source: str) -> int:
    return len(ImmutableSandboxedEnvironment().from_string(source).render())


def flood(_argument: object) -> str:
    return "a" * 20_000_000


def tell(_argument: object) -> dict[str, str]:
    return dict(os.environ)


def tell_limits(_argument: object) -> dict[str, tuple[int, int]]:
    names = ("AS", "CPU", "FSIZE", "CORE", "NPROC", "NOFILE")
    return {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in names}


def tell_files(_argument: object) -> list[int]:
    """Tell which numbers stand for an open file, without opening one."""
    return [number for number in range(4_096) if _is_open(number)]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def tell_who(_argument: object) -> tuple[int, int]:
    return os.getpid(), os.getppid()


def remember(word: str) -> list[str]:
    """Leave a word wherever one may be left, and tell what was there."""
    found = [*_seen, *filter(None, [os.environ.get("WORD")])]
    _seen.append(word)
    os.environ["WORD"] = word
    return found


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


def murder(_argument: object) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
