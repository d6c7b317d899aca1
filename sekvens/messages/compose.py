"""Compose: a template and the facts of one contact become a subject, an HTML part and a text part.

Both parts come from one source, so they cannot say different things. An e-mail is whole or it is
not made: whatever is missing raises, and nothing unresolved ever reaches a reader.

To look at an e-mail while writing it: `starter.py preview welcome/hello --locale sv`
(add `--html FILE` for the HTML part). In code:

    template = stored(read_sources("welcome/hello"))
    facts = sample_facts(shop, name=template.name, locale="sv", now=now)
    print(compose(template, facts, shop=shop).text)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2.exceptions import TemplateError as JinjaError

from sekvens.errors import TemplateError
from sekvens.flows.steps import Purpose
from sekvens.messages.facts import Facts
from sekvens.messages.feed_tag import in_words
from sekvens.messages.footer import Footer
from sekvens.messages.formats import choose_locale
from sekvens.messages.front_matter import front_of
from sekvens.messages.letter import Frame, Layout
from sekvens.messages.reader import Reader
from sekvens.messages.source import Source, Written, read_source
from sekvens.messages.targets import Targets, leading
from sekvens.messages.templates import StoredTemplate, plain_locales, seasonal
from sekvens.messages.variables import variables
from sekvens.messages.views_of_shop import asked_views
from sekvens.messages.words import read_words
from sekvens.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Composed:
    """An e-mail, ready to be put into MIME."""

    subject: str
    preheader: str
    html: str
    text: str
    locale: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What an inbox shows of an e-mail before it is opened."""

    subject: str
    preheader: str


def compose(
    template: StoredTemplate, facts: Facts, *, shop: Shop, targets: Targets | None = None
) -> Composed:
    """Make one e-mail, whose links lead by `targets`; without them, straight to where they lead.

    Raises:
        TemplateError: a fact is missing that the source needs, a link leads nowhere, or the source
            itself is wrong. The message names flow, step and line, and nothing of the contact.
    """
    try:
        return _composed(template, facts, shop=shop, targets=targets)
    except Exception:
        if not facts.feeds or any(answer.is_sample for answer in facts.feeds.values()):
            raise
        # What a stranger told may be odd in a way that nobody thought of: do without all of it.
        return _composed(template, replace(facts, feeds={}), shop=shop, targets=targets)


def headline(template: StoredTemplate, facts: Facts, *, shop: Shop) -> Headline:
    """Write what an inbox shows of an e-mail; its body is not even read, and may be wrong.

    Raises:
        TemplateError: a fact is missing, or the front matter is wrong.
    """
    locale, key = _choice(template, facts, shop)
    reader = Reader.of(facts, shop=shop, locale=locale)
    with _telling_of(facts):
        front = front_of(template.sources[key], template.name)
        source = read_source(front, name=template.name, locale=key)
        values = variables(facts, reader=reader, words=read_words(template.layout, locale))
        written = _written(source, values, facts, reader)
    return Headline(subject=written.subject, preheader=written.preheader)


def locale_of(template: StoredTemplate, facts: Facts, shop: Shop) -> str:
    """Tell in which of a template's locales the contact reads it."""
    return choose_locale(facts.locale, plain_locales(template), default=shop.default_locale)


def season_of(template: StoredTemplate, facts: Facts, shop: Shop, *, locale: str) -> str | None:
    """Tell the season whose variant of an e-mail the contact reads today; None for the plain one.

    Where seasons overlap, the one that the settings name first is the one.
    """
    today = facts.now.astimezone(ZoneInfo(facts.timezone)).date()
    return next(
        (
            season.name
            for season in shop.seasons
            if season.holds_on(today) and seasonal(season.name, locale) in template.sources
        ),
        None,
    )


def _composed(
    template: StoredTemplate, facts: Facts, *, shop: Shop, targets: Targets | None
) -> Composed:
    locale, key = _choice(template, facts, shop)
    source, layout = _read(template, locale, key)
    with _telling_of(facts):
        reader = Reader.of(facts, shop=shop, locale=locale)
        values = variables(facts, reader=reader, words=layout.words)
        written = _written(source, values, facts, reader)
        frame = Frame(
            subject=written.subject,
            preheader=written.preheader,
            locale=locale,
            is_marketing=facts.purpose is Purpose.MARKETING,
            unsubscribe_url=facts.unsubscribe_url,
            shop=shop,
            view=values["shop"],
            asked=asked_views(facts.answer_urls, reader),
            footer=Footer(
                locale=locale,
                preferences_url=facts.preferences_url,
                view_url=facts.view_url,
                is_confirmation=facts.confirm_url is not None,
            ),
        )
        with leading(targets):
            html, text = layout.html(written, frame), layout.text(written, frame)
    return Composed(
        subject=written.subject,
        preheader=written.preheader,
        html=html,
        text=text,
        locale=locale,
    )


def _choice(template: StoredTemplate, facts: Facts, shop: Shop) -> tuple[str, str]:
    """Choose the locale, and the text in it: the plain one, or that of the season."""
    locale = locale_of(template, facts, shop)
    season = season_of(template, facts, shop, locale=locale)
    return locale, seasonal(season, locale) if season else locale


def _written(source: Source, values: Mapping[str, Any], facts: Facts, reader: Reader) -> Written:
    return source.write(
        values,
        feeds=in_words(facts.feeds, reader),
        second_subject=facts.second_subject,
    )


@contextmanager
def _telling_of(facts: Facts) -> Iterator[None]:
    """Say of an error which step it meets, and what to do."""
    try:
        yield
    except (TemplateError, JinjaError) as error:
        raise TemplateError(
            f"{facts.flow}/{facts.step_id} cannot be composed: {error}. Mend the template and "
            "publish it, or skip the step"
        ) from error


@lru_cache(maxsize=512)
def _read(template: StoredTemplate, locale: str, key: str) -> tuple[Source, Layout]:
    """Read a template once per process: it never changes."""
    source = read_source(template.sources[key], name=template.name, locale=key)
    return source, _layout(tuple(sorted(template.layout.items())), locale)


@lru_cache(maxsize=64)
def _layout(files: tuple[tuple[str, str], ...], locale: str) -> Layout:
    """Read a layout once for all e-mails that were published with it: it takes 80 ms of CPU."""
    return Layout(dict(files), locale=locale)
