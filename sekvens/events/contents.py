"""What a posted event says: its properties and traits, wherever its client puts them.

Clients of Segment's API differ in that, and nothing behind this module needs to know.
"""

from typing import Any

from sekvens.contacts.traits import DEVICE_ZONE, states_zone
from sekvens.events.schema import (
    DEFAULT_CART_ID,
    EMAIL_SUBSCRIBED,
    ONE_CART_EVENTS,
    PAGE,
    PAGE_CATEGORIES,
)
from sekvens.events.segment import SegmentEvent


def properties_of(
    posted: SegmentEvent, kind: str, name: str, context: dict[str, Any]
) -> dict[str, Any]:
    """Gather the properties of an event of this type and (in our spelling) name."""
    if kind == "identify":
        # Kept as its properties, so that an anonymous visitor's traits are there to be replayed.
        return _own_traits(posted, context)
    properties = posted.properties or {}
    if kind == PAGE:
        return _page(posted, properties, context.get("page"))
    if name in ONE_CART_EVENTS and properties.get("cart_id") in (None, ""):
        return properties | {"cart_id": DEFAULT_CART_ID}
    return properties


def traits_of(posted: SegmentEvent, name: str, context: dict[str, Any]) -> dict[str, Any]:
    """Gather what an event says about its contact."""
    told = (("locale", "locale"), ("timezone", DEVICE_ZONE))
    traits = {name: context[key] for key, name in told if context.get(key)}
    if name == EMAIL_SUBSCRIBED and posted.properties and posted.properties.get("email"):
        traits["email"] = posted.properties["email"]
    own = _own_traits(posted, context)
    if states_zone(own):
        traits.pop(DEVICE_ZONE, None)
    return traits | own


def _page(posted: SegmentEvent, properties: dict[str, Any], seen: object) -> dict[str, Any]:
    context = seen if isinstance(seen, dict) else {}
    told = {key: context[key] for key in ("url", "title", "referrer") if key in context}
    named = {"name": posted.name, "category": posted.category}
    told |= {key: value for key, value in named.items() if value is not None}
    told |= properties
    category = told.get("category")
    if isinstance(category, str) and category.casefold() in PAGE_CATEGORIES:
        told["category"] = category.casefold()
    return told


def _own_traits(posted: SegmentEvent, context: dict[str, Any]) -> dict[str, Any]:
    # RudderStack's clients put the traits of an identify into the context.
    inherited = context.get("traits")
    return (inherited if isinstance(inherited, dict) else {}) | (posted.traits or {})
