"""What is known of one contact of a story, as it grows: events, and what is folded from them.

It answers what `sekvens.segments.memory` asks. Folding is that of `sekvens.events`, as far as flows
and the gate can tell a difference.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sekvens.contacts.cases import COUNTS_FOR, REPLY_COUNTS_FOR
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.events.cases import CASE_EVENTS, words_of
from sekvens.events.facts import Fact
from sekvens.events.schema import (
    CONSENT_EVENTS,
    CONTACT_SUPPRESSED,
    EMAIL_PREFERENCES_CHANGED,
    EMAIL_SUBSCRIBED,
    UNSUBSCRIBED,
)
from sekvens.events.tables import CaseKind
from sekvens.messages.calm import HoldReason
from sekvens.segments.figures import REORDER_GAP_DEFAULT, Lapse
from sekvens.segments.lasting import Asked
from sekvens.segments.memory import PastEvent

#: What facts were at some moment, in numbers that only grow.
Stamp: TypeAlias = tuple[int, int, int, int]

_NONE: Final[tuple[PastEvent, ...]] = ()


class GrowingFacts:
    """One contact's facts; `sekvens.segments.memory.Facts`. All times are shop time."""

    def __init__(
        self,
        *,
        zone: str,
        traits: Mapping[str, Any],
        reorder_gap: timedelta = REORDER_GAP_DEFAULT,
    ) -> None:
        self.zone = zone
        self.traits: dict[str, Any] = dict(traits)
        self.reorder_gap = reorder_gap
        self.lapse: Lapse | None = None
        self.consent = ConsentStatus.NEVER_SUBSCRIBED
        self.received: list[datetime] = []
        self.sold_out: frozenset[str] = frozenset()
        self.cart: tuple[str, ...] = ()
        self.flows: frozenset[str] = frozenset()
        self.suppressed: SuppressionReason | None = None
        self.rests_until: datetime | None = None
        self.paused_until: datetime | None = None
        self.fewer = False
        self._events = 0
        self._told = 0  #: changes of consent, traits and zone
        self._moves = 0  #: into flows and out of them
        self._by_name: dict[str, list[PastEvent]] = defaultdict(list)
        self._cases: dict[tuple[CaseKind, str | None], tuple[datetime, datetime | None]] = {}

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name, the oldest first."""
        return self._by_name.get(name, _NONE)

    def happen(self, event: PastEvent) -> None:
        """Let an event become a fact, and fold what follows from it."""
        self._events += 1
        self._by_name[event.name].append(event)
        if event.name in CONSENT_EVENTS:
            self._consent(event.name)
        elif event.name == CONTACT_SUPPRESSED:
            if self.suppressed in (None, SuppressionReason.INACTIVE):
                self.suppressed = SuppressionReason(event.properties["reason"])
        elif event.name == EMAIL_PREFERENCES_CHANGED:
            self._prefer(event)
        elif event.name in CASE_EVENTS:
            self._fold_case(event)

    def _consent(self, name: str) -> None:
        self._told += 1
        if name == EMAIL_SUBSCRIBED:
            self.consent = ConsentStatus.SUBSCRIBED
            if self.suppressed == SuppressionReason.INACTIVE:
                self.suppressed = None
        elif name == UNSUBSCRIBED:
            self.consent = ConsentStatus.UNSUBSCRIBED
        elif self.consent is not ConsentStatus.SUBSCRIBED:
            self.consent = ConsentStatus.PENDING

    @property
    def changes(self) -> int:
        """Count what has changed at all; it only grows."""
        return self._told + self._moves + self._events + len(self.received)

    def stamp(self, asked: Asked) -> Stamp:
        """Tell the state of what some conditions ask about: while it is the same, so are they.

        But for time, of which `sekvens.segments.lasting` knows.
        """
        by_name = self._by_name
        events = sum(len(by_name[name]) for name in asked.names if name in by_name)
        received = len(self.received) if asked.received else 0
        return self._told, events, received, self._moves if asked.flows else 0

    def open_cases(self, now: datetime) -> frozenset[HoldReason]:
        """Tell what kinds of cases are open, as reasons for holding marketing."""
        return frozenset(
            HoldReason(f"open_{kind}")
            for (kind, _), (opened, closed) in self._cases.items()
            if opened > now - (REPLY_COUNTS_FOR if kind is CaseKind.REPLY else COUNTS_FOR)
            and (closed is None or closed < opened)
        )

    def receive(self, at: datetime) -> None:
        """Get a marketing e-mail."""
        self.received.append(at)

    def tell_trait(self, trait: str, value: str) -> None:
        """Tell a trait."""
        self._told += 1
        self.traits[trait] = value

    def move(self, zone: str) -> None:
        """Live elsewhere from now on."""
        self._told += 1
        self.zone = zone

    def be_in(self, flows: frozenset[str]) -> None:
        """Be under way in these flows, and no others."""
        self._moves += 1
        self.flows = flows

    def rest(self, until: datetime) -> None:
        """Leave the contact without marketing until then, at the least."""
        self.rests_until = max(self.rests_until or until, until)

    def _prefer(self, event: PastEvent) -> None:
        told = event.properties
        self.fewer = bool(told.get("fewer", self.fewer))
        if "pause_days" in told:
            self.paused_until = event.occurred_at + timedelta(days=told["pause_days"])

    def _fold_case(self, event: PastEvent) -> None:
        fact = Fact(
            event_id=0,
            message_id=f"{event.name} {event.occurred_at}",
            type="track",
            name=event.name,
            contact_id="",
            properties=event.properties,
            traits={},
            occurred_at=event.occurred_at,
        )
        words = list(words_of(fact))
        for word in (each for each in words if each.opens):
            opened, closed = self._cases.get((word.kind, word.key), (word.at, None))
            self._cases[word.kind, word.key] = (max(opened, word.at), closed)
        for word in (each for each in words if not each.opens):
            for (kind, key), (opened, closed) in self._cases.items():
                if kind == word.kind and word.key in (None, key):
                    self._cases[kind, key] = (opened, max(closed or word.at, word.at))
