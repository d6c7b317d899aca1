"""What is known of one contact of a story, as it grows: events, and what is folded from them.

It answers what `sekvens.segments.memory` asks. Folding is that of `sekvens.events`, as far as flows
and the gate can tell a difference.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sekvens.contacts.cases import COUNTS_FOR, REPLY_COUNTS_FOR
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.events.carts import CartState, fold
from sekvens.events.cases import CASE_EVENTS, words_of
from sekvens.events.facts import Fact
from sekvens.events.schema import (
    CART_EMPTIED,
    CART_UPDATED,
    CHECKOUT_STARTED,
    CONSENT_EVENTS,
    CONTACT_SUPPRESSED,
    EMAIL_PREFERENCES_CHANGED,
    EMAIL_SUBSCRIBED,
    ORDER_COMPLETED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    UNSUBSCRIBED,
)
from sekvens.events.tables import CaseKind
from sekvens.messages.calm import HoldReason
from sekvens.segments.dealings import Goods, PastEvent
from sekvens.segments.figures import REORDER_GAP_DEFAULT, Foretold
from sekvens.segments.lasting import RECEIVED, TOLD, being_in, having_got
from sekvens.segments.memory import Need, product_ids

_NONE: Final[tuple[PastEvent, ...]] = ()
_NOT_OPEN: Final[frozenset[HoldReason]] = frozenset()
_OF_CARTS: Final = (
    CART_EMPTIED, CART_UPDATED, CHECKOUT_STARTED, ORDER_COMPLETED, PRODUCT_ADDED, PRODUCT_REMOVED,
)  # fmt: skip


class GrowingFacts:
    """One contact's facts; `sekvens.segments.memory.Facts`. All times are shop time."""

    def __init__(
        self,
        *,
        zone: str,
        traits: Mapping[str, Any],
        reorder_gap: timedelta = REORDER_GAP_DEFAULT,
        soft_opt_in: bool = False,
        held_out: bool = False,
    ) -> None:
        self.held_out = held_out  #: the lot keeps all marketing from them
        self.zone = zone
        self.traits: dict[str, Any] = dict(traits)
        self.reorder_gap = reorder_gap
        self.lapse: Foretold | None = None
        self.next_order: Foretold | None = None
        self.consent = ConsentStatus.NEVER_SUBSCRIBED
        self.has_said = False  #: a word of consent of their own
        self.left_out: set[str] = set()  #: topics
        self.is_reachable = True
        self._soft_opt_in = soft_opt_in
        self.received: list[datetime] = []
        self.sold_out: frozenset[str] = frozenset()
        self.raised: frozenset[str] = frozenset()  #: a story changes no price
        self.needs: tuple[Need, ...] = ()  #: and knows no runs
        self.flows: frozenset[str] = frozenset()
        self.bounced: tuple[datetime, ...] = ()
        self.figures: Mapping[str, float] = {}  #: a story has no shop to work them out from
        self.goods: Mapping[str, Goods] = {}
        self.suppressed: SuppressionReason | None = None
        self.rests_until: datetime | None = None
        self.paused_until: datetime | None = None
        self.fewer = False
        #: what has changed, as `sekvens.segments.lasting` calls it; whoever has seen it clears it
        self.changed: set[str] = set()
        self._by_name: dict[str, list[PastEvent]] = defaultdict(list)
        self._cases: dict[tuple[CaseKind, str | None], tuple[datetime, datetime | None]] = {}

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name, the oldest first."""
        return self._by_name.get(name, _NONE)

    def happen(self, event: PastEvent) -> None:
        """Let an event become a fact, and fold what follows from it."""
        self.changed.add(event.name)
        self._by_name[event.name].append(event)
        if event.name in CONSENT_EVENTS:
            self._consent(event.name)
        elif event.name == ORDER_COMPLETED:
            if self._soft_opt_in and not self.has_said:
                self.changed.add(TOLD)
                self.consent = ConsentStatus.SUBSCRIBED
        elif event.name == CONTACT_SUPPRESSED:
            if self.suppressed in (None, SuppressionReason.INACTIVE):
                self.suppressed = SuppressionReason(event.properties["reason"])
        elif event.name == EMAIL_PREFERENCES_CHANGED:
            self._prefer(event)
        elif event.name in CASE_EVENTS:
            self._fold_case(event)

    def _consent(self, name: str) -> None:
        self.changed.add(TOLD)
        if name == EMAIL_SUBSCRIBED:
            self.consent = ConsentStatus.SUBSCRIBED
            if self.suppressed == SuppressionReason.INACTIVE:
                self.suppressed = None
        elif name == UNSUBSCRIBED:
            self.consent = ConsentStatus.UNSUBSCRIBED
        elif self.consent is not ConsentStatus.SUBSCRIBED or not self.has_said:
            self.consent = ConsentStatus.PENDING
        self.has_said = True

    def open_cases(self, now: datetime) -> frozenset[HoldReason]:
        """Tell what kinds of cases are open, as reasons for holding marketing."""
        if not self._cases:
            return _NOT_OPEN
        return frozenset(
            HoldReason(f"open_{kind}")
            for (kind, _), (opened, closed) in self._cases.items()
            if opened > now - (REPLY_COUNTS_FOR if kind is CaseKind.REPLY else COUNTS_FOR)
            and (closed is None or closed < opened)
        )

    def in_cart(self, entry_key: str | None) -> Collection[str]:
        """List the products in the cart of an entry."""
        events = [event for name in _OF_CARTS for event in self._by_name.get(name, _NONE)]
        carts: dict[str, CartState] = {}
        for event in sorted(events, key=lambda event: event.occurred_at):
            fold(carts, _fact(event))
        cart = carts.get(entry_key or "")
        return product_ids(cart.lines) if cart is not None else ()

    def stock(self, product: str, *, is_sold_out: bool) -> None:
        """Learn that the shop has no more of a product, or has it again."""
        self.changed.add(TOLD)
        self.sold_out = self.sold_out | {product} if is_sold_out else self.sold_out - {product}

    def receive(self, at: datetime) -> None:
        """Get a marketing e-mail."""
        self.received.append(at)
        self.changed.update((RECEIVED, having_got(len(self.received))))

    def tell_trait(self, trait: str, value: str) -> None:
        """Tell a trait."""
        self.changed.add(TOLD)
        self.traits[trait] = value

    def move(self, zone: str) -> None:
        """Live elsewhere from now on."""
        self.changed.add(TOLD)
        self.zone = zone

    def be_in(self, flows: frozenset[str]) -> None:
        """Be under way in these flows, and no others."""
        self.changed.update(map(being_in, self.flows ^ flows))
        self.flows = flows

    def rest(self, until: datetime) -> None:
        """Leave the contact without marketing until then, at the least."""
        self.rests_until = max(self.rests_until or until, until)

    def _prefer(self, event: PastEvent) -> None:
        told = event.properties
        self.fewer = bool(told.get("fewer", self.fewer))
        for topic, is_wanted in told.get("topics", {}).items():
            (self.left_out.discard if is_wanted else self.left_out.add)(topic)
        if "pause_days" in told:
            self.paused_until = event.occurred_at + timedelta(days=told["pause_days"])

    def _fold_case(self, event: PastEvent) -> None:
        words = list(words_of(_fact(event)))
        for word in (each for each in words if each.opens):
            opened, closed = self._cases.get((word.kind, word.key), (word.at, None))
            self._cases[word.kind, word.key] = (max(opened, word.at), closed)
        for word in (each for each in words if not each.opens):
            for (kind, key), (opened, closed) in self._cases.items():
                if kind == word.kind and word.key in (None, key):
                    self._cases[kind, key] = (opened, max(closed or word.at, word.at))


def _fact(event: PastEvent) -> Fact:
    return Fact(
        event_id=0,
        message_id=f"{event.name} {event.occurred_at}",
        type="track",
        name=event.name,
        contact_id="",
        properties=event.properties,
        traits={},
        occurred_at=event.occurred_at,
    )
