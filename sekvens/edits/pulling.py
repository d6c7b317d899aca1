"""Writing published edits into the files of a checkout; what both have changed is shown and kept.

An edit stays owed until the repository has published it: who pulls may not be who publishes.
"""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session

from sekvens.edits.merging import Owed, Standing, owed
from sekvens.messages.templates import CONTENT


class Take(StrEnum):
    """Whose text stands where both have changed it."""

    DASHBOARD = "dashboard"
    REPOSITORY = "repository"


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """One text that is owed, and what a pull does about it."""

    owed: Owed
    file: Path
    standing: Standing  #: as it was before
    diff: str  #: from the file to the edit; empty where they are the same

    @property
    def waits(self) -> bool:
        """Whether the file does not have what it should."""
        return self.conflicts or self.standing is Standing.BEHIND

    @property
    def conflicts(self) -> bool:
        """Whether both were changed."""
        return self.standing is Standing.CONFLICT


def look(session: Session, names: Collection[str] = (), *, content: Path = CONTENT) -> list[Pulled]:
    """Tell how the files stand to what is owed to them, of these e-mails or of all."""
    return [_looked_at(each, content) for each in owed(session, names or None)]


def pull(
    session: Session,
    names: Collection[str] = (),
    *,
    take: Take | None = None,
    now: datetime,
    content: Path = CONTENT,
) -> list[Pulled]:
    """Write what is owed into the files, and mark it as pulled; tells how they stood before.

    A conflict is left as it is, unless `take` says whose text stands. `now` is wall time.
    """
    found = look(session, names, content=content)
    for each in found:
        if each.conflicts and take is Take.REPOSITORY:
            each.owed.settle(now=now)
        if each.standing is Standing.AHEAD or (each.conflicts and take is not Take.DASHBOARD):
            continue
        if each.waits:
            each.file.parent.mkdir(parents=True, exist_ok=True)
            each.file.write_text(each.owed.newest.text, encoding="utf-8")
        each.owed.newest.pulled_at = now
    return found


def _looked_at(each: Owed, content: Path) -> Pulled:
    file = content / f"{each.where}.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else None
    theirs, ours = (
        (text or "").splitlines(keepends=True),
        each.newest.text.splitlines(keepends=True),
    )
    diff = difflib.unified_diff(theirs, ours, f"repository: {file.name}", "dashboard")
    return Pulled(owed=each, file=file, standing=each.standing(text), diff="".join(diff))
