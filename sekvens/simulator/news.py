"""News of products in a story: who waits for one that is back is told, as `sekvens.products` does.

By what the settings are without a word of the shop's own.
"""

from datetime import datetime, timedelta
from typing import Final

from sekvens.events.schema import ORDER_COMPLETED, PRODUCT_BACK_IN_STOCK, UNSUBSCRIBED
from sekvens.products.section import ProductSettings
from sekvens.products.waiting import ASKED, INTEREST
from sekvens.segments.dealings import PastEvent
from sekvens.segments.memory import product_ids
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.story import StockChange

_USUAL: Final = ProductSettings()


class Shelf:
    """What is sold out for one contact's story, and since when."""

    def __init__(self) -> None:
        self._gone: dict[str, datetime] = {}

    def turn(self, facts: GrowingFacts, change: StockChange) -> PastEvent | None:
        """Learn of a change; tell the event by which the contact hears of it, if they wait."""
        facts.stock(change.product, is_sold_out=change.is_sold_out)
        if change.is_sold_out:
            self._gone.setdefault(change.product, change.at)
            return None
        since = self._gone.pop(change.product, change.at)
        because = _because(facts, change.product, change.at)
        if because is None or change.at - since < _USUAL.sold_out_min:
            return None
        told = {"product_id": change.product, "because": because}
        return PastEvent(PRODUCT_BACK_IN_STOCK, told, change.at)


def _because(facts: GrowingFacts, product: str, now: datetime) -> str | None:
    """Tell the strongest reason for which the contact waits for a product; None: they do not."""
    ordered = [
        event.occurred_at
        for event in facts.named(ORDER_COMPLETED)
        if product in product_ids(event.properties.get("products"))
    ]
    answered = [each.occurred_at for each in _about(facts, PRODUCT_BACK_IN_STOCK, product)]
    left = [event.occurred_at for event in facts.named(UNSUBSCRIBED)]
    for name, because in INTEREST.items():
        is_asked = because == ASKED
        lasts = timedelta(days=_USUAL.asked_days if is_asked else _USUAL.interest_days)
        ends = [*ordered, *answered, *left] if is_asked else ordered
        since = max([now - lasts, *ends])
        if any(event.occurred_at > since for event in _about(facts, name, product)):
            return because
    return None


def _about(facts: GrowingFacts, name: str, product: str) -> list[PastEvent]:
    return [each for each in facts.named(name) if each.properties.get("product_id") == product]
