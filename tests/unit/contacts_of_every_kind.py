"""Contacts, and shops, of every kind that an e-mail must read well for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from sekvens.messages.facts import CartFacts, Facts, Line, OrderFacts
from sekvens.products.facts import ProductFacts
from sekvens.shop import Offer, Shop

Kind = Callable[[Facts], Facts]

_LONG = "Ylletröja " * 19 + "slut"
_SHELVES = ("owned", "related", "bestsellers", "new_products")


def with_lines(facts: Facts, change: Callable[[tuple[Line, ...]], tuple[Line, ...]]) -> Facts:
    """Change what lies in the cart and in the orders."""

    def changed(had: Any) -> Any:
        return replace(had, lines=change(had.lines)) if had else had

    return replace(
        facts,
        cart=changed(facts.cart),
        order=changed(facts.order),
        last_order=changed(facts.last_order),
    )


def with_products(facts: Facts, **changes: Any) -> Facts:
    """Change every product, wherever it stands."""

    def changed(product: ProductFacts) -> ProductFacts:
        return replace(product, **changes)

    shelves: dict[str, Any] = {
        name: tuple(changed(product) for product in getattr(facts, name)) for name in _SHELVES
    }
    shelves["next_best"] = tuple(
        replace(wanted, product=changed(wanted.product)) for wanted in facts.next_best
    )
    facts = with_lines(
        facts,
        lambda lines: tuple(
            replace(line, product=changed(line.product)) if line.product else line for line in lines
        ),
    )
    return replace(facts, product=changed(facts.product) if facts.product else None, **shelves)


def unsold(facts: Facts) -> Facts:
    """Forget all products: the shop has imported none, so the events are all there is."""
    facts = with_lines(facts, lambda lines: tuple(replace(one, product=None) for one in lines))
    bare = {"benefit": {}, "care": {}, "description": {}, "category": None, "brand": None}
    product = replace(facts.product, **bare) if facts.product else None
    return replace(
        facts,
        product=product,
        owned=tuple(replace(one, **bare) for one in facts.owned),
        related=(),
        bestsellers=(),
        new_products=(),
        next_best=(),
        drops=(),
    )


def _counted(count: int) -> Kind:
    return lambda facts: with_lines(facts, lambda lines: (lines * 20)[:count])


def _bare_lines(facts: Facts) -> Facts:
    bare = {"image_url": None, "price": None, "benefit": None, "care": None, "url": None}
    return with_lines(
        unsold(facts), lambda lines: tuple(replace(one, **bare, product_id=None) for one in lines)
    )


def _long_lines(facts: Facts) -> Facts:
    named = with_products(facts, title={"sv": _LONG, "en": _LONG})
    return with_lines(named, lambda lines: tuple(replace(one, quantity=12) for one in lines))


def _in_euros(facts: Facts) -> Facts:
    """Pay in another currency than the shop's: no price of the shop's table fits."""
    priced = with_lines(
        facts, lambda lines: tuple(replace(one, price=Decimal("12.50")) for one in lines)
    )
    cart: CartFacts | None = replace(priced.cart, currency="EUR") if priced.cart else None
    order = _paid(priced.order, currency="EUR", total=Decimal("37.50"), vat=Decimal("7.50"))
    return replace(priced, cart=cart, order=order)


def _paid(order: OrderFacts | None, **changes: Any) -> OrderFacts | None:
    return replace(order, **changes) if order else None


def _refunded(facts: Facts) -> Facts:
    return replace(
        facts, order=_paid(facts.order, state="refunded", refunded=Decimal(229)), owned=()
    )


def _refunded_unsaid(facts: Facts) -> Facts:
    return replace(facts, order=_paid(facts.order, state="refunded", refunded=None))


def _order_unsaid(facts: Facts) -> Facts:
    unsaid = dict.fromkeys(("total", "vat", "shipping", "discount", "payment", "currency"))
    return replace(facts, order=_paid(facts.order, **unsaid), delivery=None)


def _order_without_lines(facts: Facts) -> Facts:
    return replace(
        facts,
        order=_paid(facts.order, lines=()),
        last_order=_paid(facts.last_order, lines=()),
        owned=(),
    )


def _never_ordered(facts: Facts) -> Facts:
    if facts.order is not None:
        return facts  # what is about an order is sent to nobody without one
    return replace(facts, orders_count=0, last_order=None, owned=(), referral=None)


def _reduced(facts: Facts) -> Facts:
    return with_products(
        facts, was_price=Decimal(2495), lowest_price_30_days=Decimal(1995), in_stock=False
    )


def _offered(**terms: Any) -> Kind:
    def changed(facts: Facts) -> Facts:
        if facts.offer is None:
            return facts
        code = None if "gift" in terms else "K0D-7XQ2MP"
        return replace(facts, offer=replace(facts.offer, terms=Offer(days=9, **terms), code=code))

    return changed


def _same(facts: Facts) -> Facts:
    return facts


CONTACTS: Mapping[str, Kind] = {
    "a usual contact": _same,
    "no first name": lambda facts: replace(facts, first_name=None),
    "a very long name": lambda facts: replace(
        facts, first_name="Maximilianalexandrawilhelminafredrika-Bo"
    ),
    "a hostile name": lambda facts: replace(facts, first_name="<script>*_[x](javascript:1)"),
    "one product": _counted(1),
    "two products": _counted(2),
    "twenty products": _counted(20),
    "another currency": _in_euros,
    "no pictures": lambda facts: with_products(facts, image_url=None),
    "no products imported": unsold,
    "bare products": _bare_lines,
    "long product names": _long_lines,
    "reduced prices": _reduced,
    "a refunded order": _refunded,
    "a refund of an unknown amount": _refunded_unsaid,
    "an order of which little was said": _order_unsaid,
    "an order without lines": _order_without_lines,
    "never ordered": _never_ordered,
    "the first order": lambda facts: replace(facts, orders_count=min(1, facts.orders_count)),
    "the hundredth order": lambda facts: replace(facts, orders_count=facts.orders_count and 100),
    "used it often": lambda facts: replace(facts, times_used=31),
    "used it once": lambda facts: replace(facts, times_used=1),
    "an amount off": _offered(amount=Decimal(150)),
    "free postage": _offered(free_shipping=True),
    "a gift": _offered(gift={"sv": "ett nystan", "en": "a ball of yarn"}),
    "per cent off": _offered(percent=20),
    "a second subject": lambda facts: replace(facts, second_subject=True),
}


def quiet(shop: Shop) -> Shop:
    """Take away all that a shop may leave out of its settings."""
    links = msgspec.structs.replace(shop.links, instagram="", tiktok="", youtube="")
    nothing: Any = ()
    return msgspec.structs.replace(
        shop, links=links, reviews=nothing, faq=nothing, stories=nothing, press=nothing,
        news=nothing, care=nothing, levels=nothing, referral=None, vat_number="",
    )  # fmt: skip


#: What the shop of each kind of contact is like; the others have the sample shop as it is.
SHOPS: Mapping[str, Callable[[Shop], Shop]] = {
    "no review yet": lambda shop: msgspec.structs.replace(shop, reviews=()),
    "a quiet shop": quiet,
}
