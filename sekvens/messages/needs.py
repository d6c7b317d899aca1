"""Needs: what an e-mail speaks of, read off its sources, so that nothing else is asked for.

Every locale and season counts: which of them a contact reads is decided later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from sekvens.messages.source import read_source
from sekvens.messages.templates import StoredTemplate
from sekvens.next_best.tables import Why

#: What is chosen, or ordered, by the products that the e-mail is about.
_BY_PRODUCT = frozenset({"faq", "reviews", "care", "story", "related", "bestsellers"})

#: Variables that show some of what is next best.
_NEXT_BEST: Final = {"needed_again": Why.AGAIN, "goes_with": Why.GOES_WITH}


@dataclass(frozen=True, kw_only=True)
class Needs:
    """The variables and the blocks that an e-mail uses, by name."""

    variables: frozenset[str]
    blocks: frozenset[str]
    feeds: Mapping[str, frozenset[str]] = field(default_factory=dict)  #: with their fields

    def any_of(self, *names: str) -> bool:
        """Tell whether it speaks of any of these variables."""
        return not self.variables.isdisjoint(names)

    @property
    def next_best(self) -> frozenset[Why]:
        """Of what is next best, which kinds it shows, by the reason."""
        if self.any_of("next_best"):
            return frozenset(Why)
        return frozenset(why for name, why in _NEXT_BEST.items() if self.any_of(name))

    @property
    def products_at_hand(self) -> bool:
        """Whether it matters which products the e-mail is about."""
        return not self.variables.isdisjoint(_BY_PRODUCT)


@lru_cache(maxsize=512)
def needs(template: StoredTemplate) -> Needs:
    """Tell what an e-mail speaks of; kept, because a template never changes.

    Raises:
        TemplateError: a source is wrong.
    """
    sources = [
        read_source(text, name=template.name, locale=key) for key, text in template.sources.items()
    ]
    return Needs(
        variables=frozenset().union(*(source.variables for source in sources)),
        blocks=frozenset().union(*(source.blocks for source in sources)),
        feeds={
            name: frozenset().union(*(source.feeds.get(name, ()) for source in sources))
            for source in sources
            for name in source.feeds
        },
    )
