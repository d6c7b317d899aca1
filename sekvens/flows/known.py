"""What a check of a flow is told, and what it finds.

Values alone: what exists outside the flows is looked up by the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

#: The step (None: the flow itself), the problem, the remedy.
Finding: TypeAlias = tuple[str | None, str, str]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What exists outside the flows. None: it was not looked up, and is not checked."""

    events: frozenset[str]  #: names of events, those of the shop's own included
    templates: Mapping[str, frozenset[str]]  #: locale to the names of its templates
    offers: Mapping[str, timedelta]  #: name to how long after the start it ends
    locales: tuple[str, ...]  #: the locales that the shop writes in
    #: locale to the names of its templates that have a second subject
    second_subjects: Mapping[str, frozenset[str]] | None = None
    flows: Mapping[str, str | None] | None = None  #: name to entry key
    webhooks: frozenset[str] | None = None  #: names in the settings
    suppressions: frozenset[str] | None = None  #: reasons for which an address is suppressed
    #: name of a template to what promotes in it, in words
    promotions: Mapping[str, Sequence[str]] | None = None
