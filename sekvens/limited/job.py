"""One job of a limited process: read an order, close the doors, do it, reply, end.

Whoever does it has the order as its standard input, the reply as its standard output, and no other
file: what goes wrong in it is known by how it ended, and by nothing that it says.
"""

import math
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NoReturn

import msgspec

from sekvens.errors import TemplateError

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one job may cost."""

    memory_bytes: int = 512 * MEBIBYTE
    cpu_seconds: int = 2  #: once it is prepared
    wall_seconds: float = 30  #: with a start of the warm process, on a machine that may be busy
    result_bytes: int = 4 * MEBIBYTE


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done: `module:name` with an argument, `prepare` before the doors are closed."""

    function: str
    prepare: str | None
    argument: object
    limits: Limits


class Reply(msgspec.Struct, frozen=True):
    """What the process says: a result, or the sentence of a `TemplateError`."""

    result: Any = None
    refused: str | None = None


def do() -> NoReturn:
    """Carry out the order on the standard input, reply on the standard output, and end."""
    with open(0, "rb", closefd=False) as asked:
        order: Order = pickle.load(asked)  # noqa: S301  our caller's
    # Should nobody be left to end it, it ends by itself.
    signal.setitimer(signal.ITIMER_REAL, order.limits.wall_seconds)
    work = found(order.function)
    try:
        if order.prepare is not None:
            found(order.prepare)(order.argument)
        _close_doors(order.limits)
        reply = Reply(result=work(order.argument))
    except TemplateError as error:
        reply = Reply(refused=str(error))
    with open(1, "wb", closefd=False) as replied:
        replied.write(msgspec.json.encode(reply))
    os._exit(0)  # nothing is tidied up: that would want doors that are closed


def found(function: str) -> Callable[..., Any]:
    """Find `module:name`."""
    module, _, name = function.partition(":")
    named: Callable[..., Any] = getattr(import_module(module), name)
    return named


def _close_doors(limits: Limits) -> None:
    limit = resource.setrlimit
    limit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    cpu_seconds = math.ceil(time.process_time()) + limits.cpu_seconds
    limit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    limit(resource.RLIMIT_FSIZE, (limits.result_bytes, limits.result_bytes))
    limit(resource.RLIMIT_CORE, (0, 0))
    limit(resource.RLIMIT_NPROC, (0, 0))  # root's processes are not counted, those of others are
    limit(resource.RLIMIT_NOFILE, (0, 0))  # neither a file nor a connection can be opened any more
