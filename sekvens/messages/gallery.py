"""The gallery: every e-mail side by side on one page that needs nothing beside itself.

Wide and narrow, by day and by night, in every locale, in the order of the flows; with what an inbox
shows of each before it is opened. The contacts in it are made up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined

from sekvens.errors import TemplateError
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
    fault: str = ""  #: why it cannot be made, with file and line


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
    maker = GalleryMaker(shop=shop, now=now, public_url=public_url, feeds=feeds, content=content)
    return maker.page()


@dataclass(frozen=True, kw_only=True)
class GalleryMaker:
    """Makes the page of one shop, for sample contacts, as often as it is asked."""

    shop: Shop
    now: datetime
    public_url: str
    feeds: Mapping[str, Answer]
    content: Path
    shows_faults: bool = False  #: an e-mail that cannot be made says so in its place
    #: what was made of a template, which never changes: only what was edited is made anew
    made: dict[tuple[str, str, str, str], Version] = field(default_factory=dict)

    def page(self, *, seen: str | None = None) -> str:
        """Make the page; one that is `seen` looks whether the files are still so, and reloads.

        Raises:
            TemplateError: an e-mail cannot be made, and the page is not to say so.
        """
        chapters = tuple(self.chapters())
        shown = [one for chapter in chapters for one in chapter.shown]
        mails = {version.id: version.html for one in shown for version in one.versions}
        names = pictures_in(mails.values())
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        return environment.from_string(_PAGE.read_text(encoding="utf-8")).render(
            shop=self.shop.name,
            chapters=chapters,
            count=sum(len(one.versions) for one in shown),
            faulty=[one for one in shown if one.fault],
            locales=self.shop.locales,
            mails=as_script({key: without_pictures(html) for key, html in mails.items()}),
            pictures=as_script({name: picture(name) for name in names}),
            seen=seen,
        )

    def chapters(self) -> Iterator[Chapter]:
        left = dict.fromkeys(template_names(content=self.content))
        for flow in CATALOGUE:
            own = {name: when for name, when in whens(flow).items() if name in left}
            if own:
                yield self._chapter(flow.name, own)
            for name in own:
                del left[name]
        if left:
            yield self._chapter("in no flow", dict.fromkeys(left, ""))

    def _chapter(self, title: str, comes: Mapping[str, str]) -> Chapter:
        shown = (one for name in comes for one in self._shown_of(name, comes[name]))
        return Chapter(id=title.replace(" ", "-"), title=title, shown=tuple(shown))

    def _shown_of(self, name: str, when: str) -> Sequence[Shown]:
        try:
            template = stored(read_sources(name, content=self.content))
            return [
                self._shown(template, season, when, feeds=feeds)
                for season in sorted({key.rpartition(".")[0] for key in template.sources})
                for feeds in self._told(template)
            ]
        except TemplateError as error:
            if not self.shows_faults:
                raise
            title = name.partition("/")[2]
            return [Shown(id=_id(name, ""), title=title, when=when, versions=(), fault=str(error))]

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
                self._kept(template, season, locale, feeds=feeds, told_nothing=told_nothing)
                for locale in self.shop.locales
                if _key(season, locale) in template.sources
            ),
        )

    def _kept(
        self,
        template: StoredTemplate,
        season: str,
        locale: str,
        *,
        feeds: Mapping[str, Answer],
        told_nothing: str,
    ) -> Version:
        kept_as = (template.digest, season, locale, told_nothing)
        if kept_as not in self.made:
            self.made[kept_as] = self._version(
                template, season, locale, feeds=feeds, told_nothing=told_nothing
            )
        return self.made[kept_as]

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


def whens(flow: Flow) -> dict[str, str]:
    """Tell when each e-mail of a flow may come, in order; a retold one counts once."""
    leaves, found = moments(flow), dict[str, str]()
    for step in sends(flow):
        found.setdefault(flow.template_of(step), leaves[step.id] or OF_NO_DAY)
    return found
