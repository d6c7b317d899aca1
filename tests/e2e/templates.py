"""Templates for flows that tests publish beside the catalogue: letters of a few lines."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from sekvens.enrollments.publish import StoreTemplates
from sekvens.messages import templates

HEAD = "---\nsubject: Hej\npreheader: Några rader till dig\n---\n"


def stored_in(folder: Path, body: str = "Några rader.") -> StoreTemplates:
    """Make what writes a letter for each template of a flow, in both locales, and stores it."""

    def store(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
        for name in names:
            for locale in ("sv", "en"):
                file = folder / f"{name}.{locale}.md"
                file.parent.mkdir(exist_ok=True)
                file.write_text(f"{HEAD}{body}\n", encoding="utf-8")
        return templates.store(session, names, now=now, content=folder)

    return store
