"""What became of an e-mail's texts: each version that changed one, by whom, why, and how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from typing import Final

from sqlalchemy.orm import Session

from sekvens.edits.live import LiveEmail
from sekvens.enrollments.tables import FlowVersion
from sekvens.enrollments.versions import history
from sekvens.errors import TemplateError
from sekvens.messages.templates import load

#: Changes that are told, the newest.
SHOWN_MAX: Final = 20


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A flow version that changed texts of an e-mail."""

    version: str  #: `welcome v5`
    at: datetime  #: wall time
    author: str | None
    note: str | None
    policy: str
    is_live: bool
    diffs: Mapping[str, Sequence[str]]  #: key -> the lines of a unified diff


def changes(session: Session, email: LiveEmail) -> list[Changed]:
    """List the versions of its own flow that changed an e-mail's texts, the newest first."""
    return list(_changes(session, email))[::-1][:SHOWN_MAX]


def _changes(session: Session, email: LiveEmail) -> Iterator[Changed]:
    before: Mapping[str, str] = {}
    for row in reversed(history(session, email.flows[0].flow.name)):
        texts = _texts(session, row, email.name)
        changed = {
            key: tuple(_diff(before.get(key, ""), text))
            for key, text in texts.items()
            if before.get(key) != text
        }
        before = texts or before
        if changed:
            yield Changed(
                version=f"{row.flow} v{row.version}",
                at=row.published_at,
                author=row.author,
                note=row.note,
                policy=row.policy,
                is_live=row.live,
                diffs=changed,
            )


def _texts(session: Session, row: FlowVersion, name: str) -> Mapping[str, str]:
    digest = row.templates.get(name)
    try:
        return load(session, digest).sources if digest else {}
    except TemplateError:  # an old version's row is gone: its change cannot be told
        return {}


def _diff(before: str, after: str) -> Iterator[str]:
    lines = unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return (line for line in lines if not line.startswith(("--- ", "+++ ")))
