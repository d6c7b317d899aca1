"""The warm process from within: it forks one limited process for each order, and sees it end.

It reads no order: those it forks do. It has one connection, to its caller, and when that closes,
however its caller ended, it ends those it has forked and itself. It has one thread: a fork would
leave the others' locks locked.
"""

import gc
import os
import resource
import selectors
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

from sekvens.limited.job import do, found

#: What the caller is told of a process that has ended; nothing: this one has.
IN_ORDER: Final = b"+"
TOO_LATE: Final = b"~"
OTHERWISE: Final = b"-"
#: What comes with each order: a file with it, a file for the reply, and the door to its caller.
_FILES: Final = 3
#: More than as many orders at once as any caller has threads; they are closed one by one.
_FILES_MAX: Final = 1_024


def serve(warm_up: str) -> None:
    """Be the warm process: call `module:name`, and take orders until the caller is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, which ends this one
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES_MAX, most), most))
    found(warm_up)()
    gc.collect()
    gc.freeze()  # so that no look for garbage copies the pages that all share
    with socket.socket(fileno=0) as caller:
        _Forks(caller).tend()


class _Forks:
    """Those that have been forked, each with the door to whoever waits for it."""

    def __init__(self, caller: socket.socket) -> None:
        self._caller = caller
        self._doors: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()

    def tend(self) -> None:
        """Take orders, tell of ends, and end what nobody waits for, until the caller is gone."""
        woken, wakes = socket.socketpair()
        woken.settimeout(0)
        wakes.settimeout(0)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(woken, selectors.EVENT_READ, partial(self._tell_of_ends, woken))
        self._selector.register(self._caller, selectors.EVENT_READ, self._take)
        try:
            while True:
                for key, _ in self._selector.select():
                    key.data()
        finally:
            for pid in list(self._doors):
                self._end(pid)

    def _take(self) -> None:
        """Fork one for an order; if that cannot be, its caller sees the door close."""
        message, files, _, _ = socket.recv_fds(self._caller, 1, _FILES)
        if not message:
            sys.exit()
        try:
            order, reply, door = files
            pid = os.fork()
        except (ValueError, OSError):  # too many files are open, or the machine is full
            for file in files:
                os.close(file)
            return
        if pid == 0:
            _be_limited(order, reply)
        os.close(order)
        os.close(reply)
        opened = self._doors[pid] = socket.socket(fileno=door)
        self._selector.register(opened, selectors.EVENT_READ, partial(self._end, pid))

    def _tell_of_ends(self, woken: socket.socket) -> None:
        woken.recv(_FILES_MAX)
        for pid in list(self._doors):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with suppress(OSError):  # whoever asked has left
                    self._doors[pid].send(_how(status))
                self._close(pid)

    def _end(self, pid: int) -> None:
        """End one whose caller has left; it was not waited for, so that its id is no other's."""
        if pid in self._doors:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._close(pid)

    def _close(self, pid: int) -> None:
        door = self._doors.pop(pid)
        self._selector.unregister(door)
        door.close()


def _how(status: int) -> bytes:
    if status == 0:
        return IN_ORDER
    was_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
    return TOO_LATE if was_late else OTHERWISE


def _be_limited(order: int, reply: int) -> NoReturn:
    """Become a limited process: with an order, a reply, and no other file."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(order, 0)
        os.dup2(reply, 1)
        os.closerange(3, _FILES_MAX)
        do()
    finally:
        os._exit(1)  # whatever it was: nothing of it goes on in what was forked
