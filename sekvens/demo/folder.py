"""Data folders of the services on this machine: one owner at a time, and a demo's begins empty."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

#: So many demos may run side by side.
FOLDERS = 20
#: Of the environment, what another command needs to look at the same services.
EXPORTED = ("SEKVENS_", "TEMPORAL_", "AWS_")


@contextmanager
def own_folder(wanted: Path, *, fresh: bool) -> Iterator[Path]:
    """Own a data folder: the one wanted, or `<wanted>-2`, … while another demo is in it.

    `fresh` empties it first; otherwise what was there is kept.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, FOLDERS + 1):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        # The lock lies beside the folder, for the folder itself is emptied.
        lock = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            if fresh:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            yield folder.resolve()
        finally:
            os.close(lock)
        return
    raise FileExistsError(f"{wanted} and its {FOLDERS} neighbours are all in use")


def write_environ(path: Path, environ: Mapping[str, str]) -> None:
    """Write what other commands need to reach these services, as lines that a shell can read."""
    lines = [
        f"export {name}='{value}'\n"
        for name, value in sorted(environ.items())
        if name.startswith(EXPORTED)
    ]
    path.touch(mode=0o600)
    path.write_text("".join(lines), encoding="utf-8")
