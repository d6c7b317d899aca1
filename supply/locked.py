"""What the lock files pin: name, version and the hashes of the files that may be installed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """One package at one version."""

    name: str  #: normalised
    version: str
    hashes: tuple[str, ...]  #: SHA-256 of each file


def read_lock(file: Path) -> list[Locked]:
    """Read a lock file; comments and hashes stand on lines of their own."""
    entries = file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    locked = [
        Locked(name=normalised(pinned[1]), version=pinned[2], hashes=tuple(_HASH.findall(entry)))
        for entry in entries
        if (pinned := _PINNED.match(entry))
    ]
    return sorted(locked, key=lambda one: one.name)


def read_locks(files: Iterable[Path]) -> list[Locked]:
    """Read several, each package once."""
    every = {(one.name, one.version): one for file in files for one in read_lock(file)}
    return [every[key] for key in sorted(every)]


def normalised(name: str) -> str:
    """Write a package's name as registries compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
