"""Unpublished edits: saved, shown to every editor, and thrown away.

Whoever saves says which text they saw. Has somebody else saved or published another one meanwhile,
theirs is refused and nothing is overwritten.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.edits.live import LiveEmail, NotLive, live_email
from sekvens.edits.tables import Edit
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.errors import SekvensError
from sekvens.messages.templates import StoredTemplate, TemplateSource, stored

NOTE_CHARACTERS_MAX: Final = 500


class EditConflict(SekvensError):
    """Somebody else has changed this text meanwhile: look at theirs first."""


class NothingToPublish(SekvensError):
    """Nobody has edited this text since it was published."""


def text_digest(text: str) -> str:
    """Tell a text's digest: a text whose lines end otherwise is the same text."""
    return hashlib.sha256(normal(text).encode()).hexdigest()


def normal(text: str) -> str:
    """Write a text as files have it: lines that end in one character, and the last one does."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def live_text(email: LiveEmail, key: str) -> str:
    """Tell the live text of a locale or season.

    Raises:
        NotLive: the e-mail is not written in it.
    """
    text = email.template.sources.get(key)
    if text is None:
        known = ", ".join(sorted(email.template.sources))
        raise NotLive(f"{email.name} is written in {known}, not in {key!r}")
    return text


def with_text(template: StoredTemplate, key: str, text: str) -> StoredTemplate:
    """Put another text into a template; that has another digest, and is not the repository's."""
    sources = {**template.sources, key: text}
    changed = stored(TemplateSource(name=template.name, sources=sources, layout=template.layout))
    return replace(changed, is_edited=True)


def unpublished(session: Session, name: str, key: str) -> Edit | None:
    """Find the edit of a text that nobody has published yet."""
    query = select(Edit).where(Edit.template == name, Edit.key == key, Edit.published_at.is_(None))
    return session.scalar(query)


def save(
    session: Session, name: str, key: str, text: str, *, seen: str, author: str, now: datetime
) -> Edit | None:
    """Keep a text as the unpublished edit; None if it says what is live. `now` is wall time.

    Args:
        session: a writing session.
        name: the e-mail, `welcome/hello`.
        key: the locale, or `<season>.<locale>`.
        text: the source, front matter included.
        seen: the digest of the text that its author had before them.
        author: the staff account.
        now: wall time.

    Raises:
        EditConflict: another text has been saved or published meanwhile.
        NotLive: no live flow sends this e-mail, or it is not written in this locale.
    """
    take_turn(session, Turn.EDIT, f"{name}.{key}")
    text, live = normal(text), live_text(live_email(session, name), key)
    edit = unpublished(session, name, key)
    current = live if edit is None else edit.text
    if seen != text_digest(current) and text != current:
        raise EditConflict(
            f"{name} ({key}) has been changed since you opened it"
            + (f", by {edit.author}" if edit else "")
            + ": copy your text, open the page again, and put it into theirs"
        )
    if text == normal(live):
        if edit is not None:
            session.delete(edit)
        return None
    if edit is None:
        edit = Edit(template=name, key=key, base_digest=text_digest(live), versions=[])
        session.add(edit)
    edit.text, edit.author, edit.saved_at = text, author, now
    session.flush()
    return edit


def discard(session: Session, name: str, key: str) -> bool:
    """Throw the unpublished edit of a text away; tell whether there was one."""
    take_turn(session, Turn.EDIT, f"{name}.{key}")
    edit = unpublished(session, name, key)
    if edit is not None:
        session.delete(edit)
    return edit is not None


def keep_over(session: Session, name: str, key: str, *, over: str) -> None:
    """Let an edit stand though its text has been published anew: `over` is what its author saw.

    Raises:
        EditConflict: it has been published yet again.
        NothingToPublish: there is no such edit.
    """
    take_turn(session, Turn.EDIT, f"{name}.{key}")
    edit, live = unpublished(session, name, key), live_text(live_email(session, name), key)
    if edit is None:
        raise NothingToPublish(f"{name} ({key}) has no unpublished edit")
    if over != text_digest(live):
        raise EditConflict(f"{name} ({key}) has been published anew: look at that first")
    edit.base_digest = over


def is_behind(edit: Edit, live: str) -> bool:
    """Tell whether the live text has changed since an edit was begun."""
    return edit.base_digest != text_digest(live)


def all_unpublished(session: Session) -> Sequence[Edit]:
    """List every edit that nobody has published yet, by e-mail."""
    query = select(Edit).where(Edit.published_at.is_(None)).order_by(Edit.template, Edit.key)
    return session.scalars(query).all()
