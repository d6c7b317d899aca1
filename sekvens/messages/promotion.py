"""Promotion: what makes marketing of an e-mail, found in its source before anybody gets it.

Order mail goes on after an unsubscribe, because it is no marketing. So nothing in it may sell: no
offer, no code, no products that the reader has not bought, and none of the words for a bargain.
"""

import re
from collections.abc import Iterator
from typing import Final

from sekvens.messages.source import Source, read_source
from sekvens.messages.templates import StoredTemplate, TemplateSource

#: What an e-mail may not speak of, by the variable's name.
_VARIABLES: Final = {
    "offer": "an offer",
    "referral": "a code to pass on",
    "related": "products that go with others",
    "bestsellers": "bestsellers",
    "new_products": "new products",
    "next_best": "what they may want next",
    "needed_again": "what they may want next",
    "goes_with": "what they may want next",
    "drops": "what opens for sale",
    "news": "news of the shop",
    "level": "a step of loyalty",
}
_BLOCKS: Final = {
    "code": "a code",
    "referral_code": "a code to pass on",
    "drop": "what opens for sale",
    "news": "news of the shop",
    "socials": "links to follow the shop by",
}
#: Words for a bargain, by language; a language that is not here is looked at by its parts alone.
_WORDS: Final = {
    "sv": re.compile(
        r"\b(?:rabatt\w*|erbjudande\w*|kampanj\w*|reapris\w*|rea|fynda\w*"
        r"|\d+\s*(?:%|procent)\s+(?:rabatt|av|på))\b",
        re.IGNORECASE,
    ),
    "en": re.compile(
        r"\b(?:discount\w*|vouchers?|promo\w*|special offers?|on sale|bargains?"
        r"|\d+\s*(?:%|per ?cent)\s+off)\b",
        re.IGNORECASE,
    ),
}


def promotions(template: TemplateSource | StoredTemplate) -> list[str]:
    """List what promotes in an e-mail, in all its locales and seasons, in words; none is good.

    Raises:
        TemplateError: a source is wrong.
    """
    found = [
        what
        for key, text in template.sources.items()
        for what in _in(read_source(text, name=template.name, locale=key), key, text)
    ]
    return list(dict.fromkeys(found))


def _in(source: Source, key: str, text: str) -> Iterator[str]:
    yield from (what for name, what in _VARIABLES.items() if name in source.variables)
    yield from (what for name, what in _BLOCKS.items() if name in source.blocks)
    words = _WORDS.get(key.rpartition(".")[2].split("-")[0].lower())
    said = words.search(text) if words else None
    if said is not None:
        yield f"the word “{' '.join(said[0].split())}”"
