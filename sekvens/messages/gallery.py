"""The gallery: every e-mail side by side on one page that needs nothing beside itself.

Wide and narrow, by day and by night, in every locale, in the order of the flows; with what an inbox
shows of each before it is opened. The contacts in it are made up.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined

from sekvens.feeds.values import Answer
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.survey import sends
from sekvens.flows.timetable import moments
from sekvens.messages.compose import compose
from sekvens.messages.needs import needs
from sekvens.messages.samples import in_season, sample_facts
from sekvens.messages.templates import (
    CONTENT,
    StoredTemplate,
    read_sources,
    seasonal,
    stored,
    template_names,
)
from sekvens.messages.whole_page import as_script, picture, pictures_in, without_pictures
from sekvens.shop import Shop

#: Said of an e-mail that an event, a date of the contact's or the end of an offer brings.
OF_NO_DAY = "on its day"

#: Said of an e-mail as it is when the feeds that it speaks of tell nothing.
WITHOUT_FEEDS = "no feed answers"

_NO_FEEDS: Mapping[str, Answer] = MappingProxyType({})
_PAGE = Path(__file__).with_name("gallery.html")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One e-mail in one locale."""

    id: str
    locale: str
    sender: str
    subject: str
    second_subject: str | None
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One e-mail of a flow, or its variant for a season."""

    id: str
    title: str
    when: str  #: `day 3`, or the season
    versions: tuple[Version, ...]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A flow with its e-mails, in the order in which they may come."""

    id: str
    title: str
    shown: tuple[Shown, ...]


def gallery(
    shop: Shop,
    *,
    now: datetime,
    public_url: str,
    feeds: Mapping[str, Answer] = _NO_FEEDS,
    content: Path = CONTENT,
) -> str:
    """Make the page; an e-mail that speaks of feeds is shown with what they tell, and without.

    Raises:
        TemplateError: an e-mail cannot be made.
    """
    maker = _Maker(shop=shop, now=now, public_url=public_url, feeds=feeds, content=content)
    chapters = tuple(maker.chapters())
    shown = [one for chapter in chapters for one in chapter.shown]
    mails = {version.id: version.html for one in shown for version in one.versions}
    names = pictures_in(mails.values())
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_PAGE.read_text(encoding="utf-8")).render(
        shop=shop.name,
        chapters=chapters,
        count=sum(len(one.versions) for one in shown),
        locales=shop.locales,
        mails=as_script({key: without_pictures(html) for key, html in mails.items()}),
        pictures=as_script({name: picture(name) for name in names}),
    )


@dataclass(frozen=True, kw_only=True)
class _Maker:
    """Makes the e-mails of one shop for sample contacts."""

    shop: Shop
    now: datetime
    public_url: str
    feeds: Mapping[str, Answer]
    content: Path

    def chapters(self) -> Iterator[Chapter]:
        left = dict.fromkeys(template_names(content=self.content))
        for flow in CATALOGUE:
            whens = {name: when for name, when in _whens(flow).items() if name in left}
            if whens:
                yield self._chapter(flow.name, whens)
            for name in whens:
                del left[name]
        if left:
            yield self._chapter("in no flow", dict.fromkeys(left, ""))

    def _chapter(self, title: str, whens: Mapping[str, str]) -> Chapter:
        templates = {name: stored(read_sources(name, content=self.content)) for name in whens}
        shown = tuple(
            self._shown(template, season, whens[name], feeds=feeds)
            for name, template in templates.items()
            for season in sorted({key.rpartition(".")[0] for key in template.sources})
            for feeds in self._told(template)
        )
        return Chapter(id=title.replace(" ", "-"), title=title, shown=shown)

    def _told(self, template: StoredTemplate) -> tuple[Mapping[str, Answer], ...]:
        asked = needs(template).feeds.keys() & self.feeds.keys()
        return (self.feeds, _NO_FEEDS) if asked else (_NO_FEEDS,)

    def _shown(
        self, template: StoredTemplate, season: str, when: str, *, feeds: Mapping[str, Answer]
    ) -> Shown:
        told_nothing = WITHOUT_FEEDS if needs(template).feeds and not feeds else ""
        name = f"{template.name}.{season}".strip(".")
        return Shown(
            id=_id(name, told_nothing),
            title=template.name.partition("/")[2],
            when=", ".join(filter(None, (season, when, told_nothing))),
            versions=tuple(
                self._version(template, season, locale, feeds=feeds, told_nothing=told_nothing)
                for locale in self.shop.locales
                if _key(season, locale) in template.sources
            ),
        )

    def _version(
        self,
        template: StoredTemplate,
        season: str,
        locale: str,
        *,
        feeds: Mapping[str, Answer],
        told_nothing: str,
    ) -> Version:
        shop, now = in_season(self.shop, season, now=self.now)
        facts = sample_facts(
            shop,
            name=template.name,
            locale=locale,
            now=now,
            public_url=self.public_url,
            feeds=feeds,
        )
        made = compose(template, facts, shop=shop)
        again = compose(template, replace(facts, second_subject=True), shop=shop)
        return Version(
            id=_id(f"{template.name}.{_key(season, locale)}", told_nothing),
            locale=locale,
            sender=self.shop.sender.name.get(locale, self.shop.name),
            subject=made.subject,
            second_subject=again.subject if again.subject != made.subject else None,
            preheader=made.preheader,
            html=made.html,
            text=made.text,
        )


def _id(name: str, told_nothing: str) -> str:
    return re.sub(r"[/. ]", "--", f"{name} {told_nothing}".strip())


def _key(season: str, locale: str) -> str:
    return seasonal(season, locale) if season else locale


def _whens(flow: Flow) -> dict[str, str]:
    """Tell when each e-mail of a flow may come, in order; a retold one counts once."""
    leaves, whens = moments(flow), dict[str, str]()
    for step in sends(flow):
        whens.setdefault(flow.template_of(step), leaves[step.id] or OF_NO_DAY)
    return whens
