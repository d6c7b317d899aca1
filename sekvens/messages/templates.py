"""Templates: an e-mail's source in every locale, together with the layout it is put into.

A template is known by the digest of all that, and a published one never changes: an enrollment pins
digests, so editing an e-mail cannot touch anybody who is under way. The shop's own facts (people,
prices, postal address) are no part of it and stay live.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sekvens.errors import TemplateError
from sekvens.messages.source import read_source
from sekvens.messages.tables import Template

#: `<flow>/<step>.<locale>.md`, and for a season `<flow>/<step>.<season>.<locale>.md`
CONTENT = Path(__file__).parent / "content"
LAYOUT = Path(__file__).parent / "layout"

#: Raised when the meaning of the sources changes, so that old digests do not claim the new one.
FORMAT = 1

_LAYOUT_KINDS = frozenset({".html", ".txt", ".css", ".toml"})

#: Templates that one process keeps: far more than a shop has in use at once.
LOADED_MAX = 512


@dataclass(frozen=True, kw_only=True)
class TemplateSource:
    """A template as it stands in the files; not yet known by its digest."""

    name: str  #: `welcome/hello`
    #: locale, or `<season>.<locale>` -> Markdown source, front matter included
    sources: Mapping[str, str]
    layout: Mapping[str, str]  #: file name -> source: layout, blocks, words, style


@dataclass(frozen=True, kw_only=True)
class StoredTemplate:
    """A template known by its digest; two are equal when their digests are."""

    digest: str
    name: str
    sources: Mapping[str, str] = field(compare=False, repr=False)
    layout: Mapping[str, str] = field(compare=False, repr=False)
    #: edited on the dashboard, and not in the repository yet: it is composed in a limited process
    is_edited: bool = field(default=False, compare=False)


def template_names(*, content: Path = CONTENT) -> list[str]:
    """Name every template that has a file, in order."""
    files = content.glob("*/*.*.md")
    return sorted({f"{file.parent.name}/{file.name.split('.')[0]}" for file in files})


def read_sources(name: str, *, content: Path = CONTENT, layout: Path = LAYOUT) -> TemplateSource:
    """Read a template from the files.

    Raises:
        TemplateError: there is no file of this name in any locale.
    """
    flow, _, step = name.partition("/")
    sources = {
        file.name.removeprefix(f"{step}.").removesuffix(".md"): file.read_text(encoding="utf-8")
        for file in sorted((content / flow).glob(f"{step}.*.md"))
    }
    if not sources:
        raise TemplateError(
            f"template {name} has no source: write {content / flow / step}.<locale>.md"
        )
    return TemplateSource(name=name, sources=sources, layout=read_layout(layout))


def plain_locales(template: TemplateSource | StoredTemplate) -> list[str]:
    """Tell the locales that an e-mail is written in, its seasonal variants apart."""
    return sorted(key for key in template.sources if "." not in key)


def seasonal(season: str, locale: str) -> str:
    """Tell under what a season's variant stands among a template's sources: `black-week.sv`."""
    return f"{season}.{locale}"


def read_layout(folder: Path = LAYOUT) -> dict[str, str]:
    """Read the layout's files: file name -> source."""
    files = sorted(file for file in folder.iterdir() if file.suffix in _LAYOUT_KINDS)
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def digest(template: TemplateSource) -> str:
    """Tell the digest of everything that a template is made of."""
    content = [FORMAT, template.name, dict(template.sources), dict(template.layout)]
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def stored(template: TemplateSource) -> StoredTemplate:
    """Make of a source what `load` would hand back once it is stored; for previews and tests."""
    return StoredTemplate(
        digest=digest(template),
        name=template.name,
        sources=template.sources,
        layout=template.layout,
    )


def store(
    session: Session, names: Iterable[str], *, now: datetime, content: Path = CONTENT
) -> dict[str, str]:
    """Store templates as their files are now; tell the digest of each name. `now` is wall time.

    Raises:
        TemplateError: a name has no file, or a source says what an e-mail may not.
    """
    templates = [stored(read_sources(name, content=content)) for name in names]
    return {template.name: keep(session, template, now=now) for template in templates}


def keep(session: Session, template: StoredTemplate, *, now: datetime) -> str:
    """Store a template, unless it is stored; tell its digest. `now` is wall time.

    What the dashboard stored and the repository has by now is the repository's.

    Raises:
        TemplateError: a source says what an e-mail may not.
    """
    row = session.get(Template, template.digest)
    if row is None:
        check_sources(template)
        _insert(session, template, now=now)
    elif row.is_edited and not template.is_edited:
        row.is_edited = False
    return template.digest


@lru_cache(maxsize=LOADED_MAX)
def check_sources(template: StoredTemplate) -> None:
    """Read every source of a template, for what it may not say; once, because it never changes.

    Raises:
        TemplateError: a source is wrong; the message names flow, step and line.
    """
    for key, text in template.sources.items():
        read_source(text, name=template.name, locale=key)


class TemplateShelf:
    """Templates that a process has read; they never change, so none is ever read twice."""

    def __init__(self) -> None:
        self._templates: dict[str, StoredTemplate] = {}

    def load(self, session: Session, digest: str) -> StoredTemplate:
        """Tell the stored template of this digest.

        Raises:
            TemplateError: it was never stored, or its row has been tampered with.
        """
        kept = self._templates.get(digest)
        # An edited one is the repository's own as soon as that has published the same.
        if kept is None or kept.is_edited:
            if len(self._templates) >= LOADED_MAX:
                self._templates.clear()
            self._templates[digest] = _read(session, digest)
        return self._templates[digest]


_SHELF = TemplateShelf()


def load(session: Session, digest: str) -> StoredTemplate:
    """Tell the stored template of this digest, kept by the process once read.

    Raises:
        TemplateError: it was never stored, or its row has been tampered with.
    """
    return _SHELF.load(session, digest)


def _insert(session: Session, template: StoredTemplate, *, now: datetime) -> None:
    row = Template(
        digest=template.digest,
        name=template.name,
        sources=dict(template.sources),
        layout=dict(template.layout),
        published_at=now,
        is_edited=template.is_edited,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # Another process published the same content meanwhile; anything else is a real fault.
        if session.scalar(select(Template.digest).filter_by(digest=template.digest)) is None:
            raise


def _read(session: Session, wanted: str) -> StoredTemplate:
    row = session.get(Template, wanted)
    if row is None:
        raise TemplateError(
            f"no template with digest {wanted} is stored: publish the flow that uses it again "
            "(`starter.py flows publish`), then retry the enrollment"
        )
    template = stored(TemplateSource(name=row.name, sources=row.sources, layout=row.layout))
    if template.digest != wanted:
        raise TemplateError(
            f"the stored template {row.name} does not fit its digest {wanted}: its row was changed "
            "by hand; restore it from a backup, then retry the enrollment"
        )
    return replace(template, is_edited=row.is_edited)
