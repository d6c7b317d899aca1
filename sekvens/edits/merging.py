"""Publishing from the repository while edits are owed to it: none is overwritten without a word.

Of a text that only the dashboard has changed, the edit stands. One that the repository has by now,
or has gone on from since it was pulled, is settled. One that both have changed is a conflict, and
nothing is published.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.edits.drafting import EditConflict, text_digest, with_text
from sekvens.edits.tables import Edit
from sekvens.messages.templates import StoredTemplate, keep, load


class Standing(StrEnum):
    """How a text of the repository stands to the edits that are owed to it."""

    SAME = "same"  #: it says what the newest edit says
    BEHIND = "behind"  #: it says what an edit was made from
    AHEAD = "ahead"  #: it says something else, and the edit was pulled before
    CONFLICT = "conflict"  #: it says something else, and knows nothing of the edit


@dataclass(frozen=True, kw_only=True)
class Owed:
    """The edits of one text that the repository does not have yet, the oldest first; never none."""

    edits: Sequence[Edit]

    @property
    def newest(self) -> Edit:
        """The one that is live."""
        return self.edits[-1]

    @property
    def where(self) -> str:
        """The text that they are of, as its file is called: `welcome/hello.sv`."""
        return f"{self.newest.template}.{self.newest.key}"

    def standing(self, text: str | None) -> Standing:
        """Tell how the repository's text stands to them; None: it has no such file."""
        found = text_digest(text or "")
        if found == text_digest(self.newest.text):
            return Standing.SAME
        earlier = {edit.base_digest for edit in self.edits}
        earlier |= {text_digest(edit.text) for edit in self.edits}
        if found in earlier:
            return Standing.BEHIND
        return Standing.AHEAD if self.newest.pulled_at else Standing.CONFLICT

    def settle(self, *, now: datetime) -> None:
        """Owe them no more; `now` is wall time."""
        for edit in self.edits:
            edit.settled_at = now


def owed(session: Session, names: Iterable[str] | None = None) -> list[Owed]:
    """List the published edits that the repository does not have yet, by text; of all e-mails."""
    query = select(Edit).where(Edit.published_at.is_not(None), Edit.settled_at.is_(None))
    if names is not None:
        query = query.where(Edit.template.in_(list(names)))
    rows = session.scalars(query.order_by(Edit.template, Edit.key, Edit.published_at, Edit.id))
    by_text = groupby(rows.all(), key=lambda edit: (edit.template, edit.key))
    return [Owed(edits=tuple(edits)) for _, edits in by_text]


def merge(session: Session, digests: Mapping[str, str], *, now: datetime) -> dict[str, str]:
    """Put the edits that are owed into the templates of a version that is new; `now` is wall time.

    Raises:
        EditConflict: a text was changed in the repository and on the dashboard.
    """
    merged = dict(digests)
    for each in owed(session, digests):
        template = load(session, merged[each.newest.template])
        match each.standing(template.sources.get(each.newest.key)):
            case Standing.SAME | Standing.AHEAD:
                each.settle(now=now)
            case Standing.BEHIND:
                edited = with_text(template, each.newest.key, each.newest.text)
                merged[template.name] = keep(session, edited, now=now)
            case Standing.CONFLICT:
                raise EditConflict(_conflict(each))
    return merged


def as_merged(session: Session, template: StoredTemplate) -> StoredTemplate:
    """Tell what a template of the files would be published as; a conflict stays as it is there."""
    for each in owed(session, [template.name]):
        if each.standing(template.sources.get(each.newest.key)) is Standing.BEHIND:
            template = with_text(template, each.newest.key, each.newest.text)
    return template


def _conflict(each: Owed) -> str:
    edit = each.newest
    return (
        f"{each.where} was edited on the dashboard by {edit.author} ({', '.join(edit.versions)}), "
        "and its file was changed as well. `starter.py content pull` shows both; then decide with "
        f"`starter.py content pull {edit.template} --take dashboard` or `--take repository`"
    )
