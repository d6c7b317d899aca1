"""E-mails whose templates are not in the repository: composed in a limited process, never here.

The allow-list holds for them as for all (`allowed`); this is for what it has overlooked. The key
that signs links does not go there either: links are written with a key for this once, and signed
anew here.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from sekvens.clock import SystemClock
from sekvens.errors import TemplateError
from sekvens.limited.job import Limits
from sekvens.limited.warm import WarmProcess
from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts
from sekvens.messages.links import click_url
from sekvens.messages.samples import sample_facts
from sekvens.messages.targets import Targets
from sekvens.messages.templates import StoredTemplate, TemplateSource, read_layout, stored
from sekvens.sections import ApiSettings
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Shop

_OURS = "---\nsubject: Hej\npreheader: Hej\n---\nHej.\n"
#: Jinja2 loads what tells the line of an error when there is one, and then no file can be opened.
_WRONG = f"{_OURS}{{{{ no_such_fact }}}}\n"
_NAME = "welcome/hello"

#: Whoever composes apart in this process shares it.
APART = WarmProcess(f"{__name__}:warm_up")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What e-mails are made of: one for each of the contacts."""

    template: StoredTemplate
    facts: tuple[Facts, ...]
    shop: Shop
    targets: Targets | None = None


def compose_foreign(
    template: StoredTemplate,
    facts: Facts,
    *,
    shop: Shop,
    targets: Targets | None = None,
    limits: Limits | None = None,
) -> Composed:
    """Make one e-mail of a template that is not in the repository, as `compose` does.

    Raises:
        TemplateError: as `compose` does, or because it took more than it may.
    """
    if targets is None:
        [made] = compose_all_foreign(template, [facts], shop=shop, limits=limits)
        return made
    apart = targets.with_api(for_once(targets.api))
    given = Given(template=template, facts=(facts,), shop=shop, targets=apart)
    written, by_id = _made(given, limits)
    targets.take(by_id)
    return _signed_anew(written[0], targets, apart.api)


def compose_all_foreign(
    template: StoredTemplate,
    facts: Sequence[Facts],
    *,
    shop: Shop,
    limits: Limits | None = None,
) -> list[Composed]:
    """Make the e-mail for each of several contacts, in one process.

    Raises:
        TemplateError: as `compose` does for any of them, or because it took more than it may.
    """
    return _made(Given(template=template, facts=tuple(facts), shop=shop), limits)[0]


def _made(given: Given, limits: Limits | None) -> tuple[list[Composed], dict[str, str]]:
    reply = APART.call(
        f"{__name__}:write",
        given,
        prepare=f"{__name__}:prepare",
        named=given.template.name,
        limits=limits or Limits(),
    )
    return [Composed(**made) for made in reply["made"]], reply["targets"]


def warm_up() -> None:
    """Read all that no e-mail lacks: prepare for the sample shop's readers, in each locale."""
    shop = load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}).shop
    now, layout = SystemClock().now(), read_layout()
    for locale in shop.locales:
        ours = TemplateSource(name=_NAME, sources={locale: _OURS}, layout=layout)
        facts = sample_facts(shop, name=_NAME, locale=locale, now=now)
        prepare(Given(template=stored(ours), facts=(facts,), shop=shop))


def prepare(given: Given) -> None:
    """Make an e-mail of our own for the same reader, so that calendars and zones have been read.

    Another one is wrong, so that what tells of errors has been read as well.
    """
    layout = read_layout()
    for text in (_OURS, _WRONG):
        sources = dict.fromkeys(given.template.sources, text)
        ours = TemplateSource(name=_NAME, sources=sources, layout=layout)
        with contextlib.suppress(TemplateError):
            write(replace(given, template=stored(ours), targets=None))


def write(given: Given) -> dict[str, Any]:
    """Make the e-mails; tell where the links of theirs lead that lead through us."""
    made = [
        asdict(compose(given.template, facts, shop=given.shop, targets=given.targets))
        for facts in given.facts
    ]
    return {"made": made, "targets": dict(given.targets.by_id) if given.targets else {}}


def for_once(api: ApiSettings) -> ApiSettings:
    """Make settings whose links nobody believes: they are signed with a key for this once."""
    return msgspec.structs.replace(api, link_secret=secrets.token_hex(32), write_keys=())


def _signed_anew(made: Composed, targets: Targets, once: ApiSettings) -> Composed:
    """Put our own signature on every link that leads through us."""
    html, text = made.html, made.text
    for link_id in targets.by_id:
        which = {"message_id": targets.message_id, "link_id": link_id}
        theirs, ours = click_url(once, **which), click_url(targets.api, **which)
        html, text = html.replace(theirs, ours), text.replace(theirs, ours)
    return replace(made, html=html, text=text)
