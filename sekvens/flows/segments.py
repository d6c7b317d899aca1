"""Segments: named conditions on contacts. Those that ship with Sekvens; a shop adds its own here.

A flow asks by `in_segment(VIP)`, which pins the segment into the flow version by value: to change a
segment here changes what the next version of the flow means, and nobody under way.
"""

from dataclasses import dataclass
from typing import Final

from sekvens.flows.asking import (
    all_of,
    bounced,
    breadth,
    engagement_is,
    not_,
    ordered,
    top_share,
    viewed,
)
from sekvens.flows.builder import days, event
from sekvens.flows.conditions import Condition, EventPattern, InSegment


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A condition with a name, and one sentence for those who read it in a list."""

    name: str
    says: str
    condition: Condition


def in_segment(segment: Segment) -> Condition:
    """The contact is in this segment, as it is now: the flow version keeps it so."""
    return InSegment(name=segment.name, condition=segment.condition)


def enters(segment: Segment) -> EventPattern:
    """The contact enters this segment: a trigger, or something to wait for."""
    return event("Segment Entered", segment=segment.name)


def leaves(segment: Segment) -> EventPattern:
    """The contact leaves this segment."""
    return event("Segment Left", segment=segment.name)


NEW: Final = Segment(
    name="new",
    says="gave their first sign of life in the last 30 days",
    condition=engagement_is("new"),
)
ACTIVE: Final = Segment(
    name="active",
    says="gave a sign of life in the last 30 days, and is not new",
    condition=engagement_is("active"),
)
COOLING: Final = Segment(
    name="cooling",
    says="gave their last sign of life 30 to 90 days ago",
    condition=engagement_is("cooling"),
)
DORMANT: Final = Segment(
    name="dormant",
    says="gave no sign of life in the last 90 days",
    condition=engagement_is("dormant"),
)
VIP: Final = Segment(
    name="vip",
    says="ordered at least twice, and is among the twentieth of customers who have spent most",
    condition=all_of(ordered(times=2), top_share(0.05)),
)
ONE_TIME_BUYERS: Final = Segment(
    name="one-time-buyers",
    says="ordered once and never again",
    condition=all_of(ordered(), not_(ordered(times=2))),
)
LOYAL: Final = Segment(
    name="loyal",
    says="ordered three times or more in a year",
    condition=ordered(times=3, within=days(365)),
)
LAPSING: Final = Segment(
    name="lapsing",
    says="placed their last order 60 to 180 days ago",
    condition=all_of(ordered(within=days(180)), not_(ordered(within=days(60)))),
)
BROWSERS: Final = Segment(
    name="browsers",
    says="looked at products in the last 30 days, and has never ordered",
    condition=all_of(viewed(within=days(30)), not_(ordered())),
)
MULTI_CATEGORY: Final = Segment(
    name="multi-category",
    says="ordered from three categories or more",
    condition=breadth(3),
)
BOUNCING: Final = Segment(
    name="bouncing",
    says="had two messages or more of the last 30 days come back softly",
    condition=bounced(times=2, within=days(30)),
)

#: In the order in which they are listed.
SEGMENTS: tuple[Segment, ...] = (
    NEW,
    ACTIVE,
    COOLING,
    DORMANT,
    VIP,
    LOYAL,
    ONE_TIME_BUYERS,
    LAPSING,
    BROWSERS,
    MULTI_CATEGORY,
    BOUNCING,
)
