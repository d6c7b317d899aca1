"""A limited process: what foreign templates are rendered in, so that they can cost only so much.

It has so much memory, so many seconds of CPU and of waiting, no secret in its environment, and once
it has begun it can open neither a file nor a connection. However it ends, the caller gets a result
or a `TemplateError`, and lives. A process is used once: nothing that one source does meets another.
"""

import math
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from sekvens.errors import TemplateError, TooSlow

_MEBIBYTE = 1024 * 1024
_ROOT = Path(__file__).parents[1]
#: Isolated (`-I`): neither the environment nor the working folder say what is imported.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from sekvens.limited import serve; serve()"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one process may cost."""

    memory_bytes: int = 512 * _MEBIBYTE
    cpu_seconds: int = 2  #: once it is prepared
    wall_seconds: float = 30  #: with its start, on a machine that may be busy
    result_bytes: int = 4 * _MEBIBYTE


class _Reply(msgspec.Struct, frozen=True):
    """What the process says: a result, or the sentence of a `TemplateError`."""

    result: Any = None
    refused: str | None = None


def call(
    function: str, argument: object, *, named: str, limits: Limits, prepare: str | None = None
) -> Any:
    """Call `module:name` with an argument in a process of its own; what it returns is plain JSON.

    `prepare` is called with the same before the doors are closed.

    Raises:
        TemplateError: it raised one, or ended otherwise; the message says `named`.
    """
    order = pickle.dumps((function, prepare, argument, limits))
    with tempfile.TemporaryFile() as result:
        try:
            ended = subprocess.run(  # noqa: S603  our own interpreter and our own module
                [sys.executable, "-I", "-c", _START, str(_ROOT)],
                input=order, stdout=result, stderr=subprocess.DEVNULL, env={}, cwd="/",
                timeout=limits.wall_seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise TooSlow(
                f"{named} was not written within {limits.wall_seconds:g} s; make it simpler"
            ) from None
        result.seek(0)
        said = result.read(limits.result_bytes)
    # Read as JSON, never unpickled: it comes from where a stranger's template ran.
    reply = _reply(said) if ended.returncode == 0 else None
    if reply is None:
        raise TemplateError(
            f"{named} took more than it may ({limits.cpu_seconds} s of CPU, "
            f"{limits.memory_bytes // _MEBIBYTE} MiB) and was ended; make it simpler"
        )
    if reply.refused is not None:
        raise TemplateError(reply.refused)
    return reply.result


def serve() -> None:
    """Be the limited process: read an order, close the doors, do it, reply, end."""
    function, prepare, argument, limits = pickle.load(sys.stdin.buffer)  # noqa: S301  our caller's
    work = _found(function)
    try:
        if prepare is not None:
            _found(prepare)(argument)
        _close_doors(limits)
        reply = _Reply(result=work(argument))
    except TemplateError as error:
        reply = _Reply(refused=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(reply))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing is tidied up: that would want doors that are closed


def _reply(said: bytes) -> _Reply | None:
    try:
        return msgspec.json.decode(said, type=_Reply)
    except msgspec.DecodeError:
        return None


def _found(function: str) -> Callable[[Any], Any]:
    module, _, name = function.partition(":")
    found: Callable[[Any], Any] = getattr(import_module(module), name)
    return found


def _close_doors(limits: Limits) -> None:
    limit = resource.setrlimit
    limit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    cpu_seconds = math.ceil(time.process_time()) + limits.cpu_seconds
    limit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    limit(resource.RLIMIT_FSIZE, (limits.result_bytes, limits.result_bytes))
    limit(resource.RLIMIT_CORE, (0, 0))
    limit(resource.RLIMIT_NPROC, (0, 0))  # root's processes are not counted, those of others are
    limit(resource.RLIMIT_NOFILE, (0, 0))  # neither a file nor a connection can be opened any more
