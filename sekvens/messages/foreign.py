"""E-mails whose templates are not in the repository: composed in a limited process, never here.

The allow-list holds for them as for all (`allowed`); this is for what it has overlooked.
"""

from dataclasses import dataclass

from sekvens.limited import Limits, call
from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts
from sekvens.messages.templates import StoredTemplate, TemplateSource, read_layout, stored
from sekvens.shop import Shop

_OURS = "---\nsubject: Hej\npreheader: Hej\n---\nHej.\n"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What an e-mail is made of."""

    template: StoredTemplate
    facts: Facts
    shop: Shop


def compose_foreign(
    template: StoredTemplate, facts: Facts, *, shop: Shop, limits: Limits | None = None
) -> Composed:
    """Make one e-mail of a template that is not in the repository.

    Raises:
        TemplateError: as `compose` does, or because it took more than it may.
    """
    given = Given(template=template, facts=facts, shop=shop)
    made = call(
        f"{__name__}:write",
        given,
        prepare=f"{__name__}:prepare",
        named=template.name,
        limits=limits or Limits(),
    )
    return Composed(**made)


def prepare(given: Given) -> None:
    """Make an e-mail of our own for the same reader, so that calendars and zones have been read."""
    sources = dict.fromkeys(given.template.sources, _OURS)
    ours = TemplateSource(name=given.template.name, sources=sources, layout=read_layout())
    write(Given(template=stored(ours), facts=given.facts, shop=given.shop))


def write(given: Given) -> Composed:
    """Make the e-mail."""
    return compose(given.template, given.facts, shop=given.shop)
