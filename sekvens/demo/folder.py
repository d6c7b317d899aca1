"""Data folders of the services on this machine: one owner at a time, and a demo's begins empty."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sekvens.errors import SekvensError

#: Stands in every folder that we made; one without it is somebody else's, and nothing is touched.
MARKER = ".sekvens-demo"
#: … and in one that is kept from start to start, which no demo may empty either.
KEPT_MARKER = ".sekvens-up"
#: So many demos may run side by side.
FOLDERS = 20
#: Of the environment, what another command needs to look at the same services.
EXPORTED = ("SEKVENS_", "TEMPORAL_", "AWS_")


class NotADemoFolder(SekvensError):
    """The data folder belongs to somebody else."""


@contextmanager
def own_folder(wanted: Path, *, fresh: bool) -> Iterator[Path]:
    """Own a data folder: the one wanted, or `<wanted>-2`, … while another demo is in it.

    `fresh` empties it first, but only a folder that a demo made: it bears our mark. Otherwise what
    was there is kept.

    Raises:
        NotADemoFolder: something else is in it; nothing was touched.
    """
    wanted = wanted.absolute()
    marker = MARKER if fresh else KEPT_MARKER
    _check_ours(wanted, marker)
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
            _check_ours(folder, marker)
            if fresh and folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / marker).touch()
            yield folder.resolve()
        finally:
            os.close(lock)
        return
    raise FileExistsError(f"{wanted} and its {FOLDERS} neighbours are all in use")


def _check_ours(folder: Path, marker: str) -> None:
    """Refuse a folder that holds anything and that no demo made, or a link to one."""
    is_ours = not folder.is_symlink() and (folder / marker).is_file()
    is_empty = not folder.is_symlink() and (
        not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    )
    if not (is_ours or is_empty):
        raise NotADemoFolder(
            f"{folder} holds something that this command did not write; nothing was touched. "
            "Name an empty folder, or one that does not exist yet, with --data"
        )


def write_environ(path: Path, environ: Mapping[str, str]) -> None:
    """Write what other commands need to reach these services, as lines that a shell can read."""
    lines = [
        f"export {name}='{value}'\n"
        for name, value in sorted(environ.items())
        if name.startswith(EXPORTED)
    ]
    path.touch(mode=0o600)
    path.write_text("".join(lines), encoding="utf-8")
