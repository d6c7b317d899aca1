"""Products, carts, orders and deliveries, written out for one reader.

What a shop posted stands as posted; a product that the shop sells brings what the line lacks.
A price in an order is the one that was paid, a price in a cart is the one asked today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from urllib.parse import quote

from sekvens.imports.plain import seen_line
from sekvens.messages.facts import CartFacts, DeliveryFacts, Line, OrderFacts
from sekvens.messages.formats import listed
from sekvens.messages.markdown import is_web_url
from sekvens.messages.reader import Reader
from sekvens.messages.views import (
    CartView,
    DeliveryView,
    LastOrderView,
    OrderView,
    ProductView,
)
from sekvens.messages.words import counted
from sekvens.products.facts import ProductFacts

#: A sentence that names what was bought names this many, and counts the rest.
NAMES_MAX = 3


def product_view(product: ProductFacts, reader: Reader) -> ProductView:
    """Write out a product."""
    was_price = reader.money(product.was_price, product.currency)
    return ProductView(
        name=reader.text(product.title),
        benefit=reader.text(product.benefit) or None,
        care=reader.text(product.care) or None,
        description=reader.text(product.description) or None,
        price=reader.money(product.price, product.currency),
        was_price=was_price,
        lowest_price=reader.money(product.lowest_price_30_days, product.currency)
        if was_price
        else None,
        quantity=1,
        url=_web(product.url),
        image_url=_web(product.image_url),
        category=product.category,
        in_stock=product.in_stock,
    )


def product_views(products: Sequence[ProductFacts], reader: Reader) -> tuple[ProductView, ...]:
    """Write out several products."""
    return tuple(product_view(product, reader) for product in products)


def cart_view(cart: CartFacts, reader: Reader) -> CartView:
    """Write out a cart."""
    # Without a currency of its own a cart is in the shop's.
    currency = cart.currency or reader.shop.currency
    restore_url = reader.shop.links.cart.replace("{cart_id}", quote(cart.cart_id, safe=""))
    prices = [_today(line, currency) for line in cart.lines]
    known = [
        price * line.quantity
        for price, line in zip(prices, cart.lines, strict=True)
        if price is not None
    ]
    is_complete = len(known) == len(prices)
    return CartView(
        lines=tuple(_cart_line(line, currency, reader, restore_url) for line in cart.lines),
        total=reader.money(sum(known, Decimal(0)), currency) if is_complete else None,
        restore_url=restore_url,
    )


def order_view(order: OrderFacts, reader: Reader, more: Mapping[str, str]) -> OrderView:
    """Write out an order; `more` says how the products that are not named are counted."""
    currency = order.currency
    return OrderView(
        number=seen_line(order.order_id),
        lines=tuple(_line(line, currency, reader) for line in order.lines),
        total=reader.money(order.total, currency),
        vat=reader.money(order.vat, currency) if order.vat else None,
        shipping=reader.money(order.shipping, currency),
        discount=reader.money(order.discount, currency) if order.discount else None,
        placed_on=reader.instant(order.placed_at),
        payment=order.payment,
        is_paid=order.is_paid,
        refunded=reader.money(order.refunded, currency) if order.refunded else None,
        names=_names(order, reader, more),
    )


def last_order_view(order: OrderFacts, reader: Reader, more: Mapping[str, str]) -> LastOrderView:
    """Write out the newest order as seen from today."""
    placed_on = reader.day_of(order.placed_at)
    months = (reader.today.year - placed_on.year) * 12 + reader.today.month - placed_on.month
    is_short = reader.today.day < placed_on.day
    return LastOrderView(
        placed_on=reader.instant(order.placed_at),
        months_ago=max(0, months - is_short),
        names=_names(order, reader, more),
    )


def delivery_view(delivery: DeliveryFacts, reader: Reader) -> DeliveryView:
    """Write out where a parcel is."""
    return DeliveryView(
        carrier=delivery.carrier,
        tracking_url=delivery.tracking_url,
        expected_on=reader.day(delivery.expected_on) if delivery.expected_on else None,
        pickup_place=delivery.pickup_place,
        pickup_until=reader.day(delivery.pickup_until) if delivery.pickup_until else None,
        delayed_until=reader.day(delivery.delayed_until) if delivery.delayed_until else None,
        delay_reason=delivery.delay_reason,
    )


def name_of(line: Line, reader: Reader) -> str:
    """Name what a line is about: in the reader's locale if the shop sells it, else as posted."""
    return (reader.text(line.product.title) if line.product else "") or line.name


def _for_sale(line: Line, currency: str) -> ProductFacts | None:
    """Tell the product whose price of today may stand on a line in this currency."""
    product = line.product
    if product is None or product.price is None:
        return None
    return product if product.currency in (None, currency) else None


def _today(line: Line, currency: str) -> Decimal | None:
    product = _for_sale(line, currency)
    return product.price if product else line.price


def _cart_line(line: Line, currency: str, reader: Reader, restore_url: str) -> ProductView:
    view = _line(replace(line, price=_today(line, currency)), currency, reader)
    product = _for_sale(line, currency)
    asked = product_view(product, reader) if product else None
    return replace(
        view,
        was_price=asked.was_price if asked else None,
        lowest_price=asked.lowest_price if asked else None,
        url=view.url or restore_url,
    )


def _line(line: Line, currency: str | None, reader: Reader) -> ProductView:
    sold = product_view(line.product, reader) if line.product else None
    return ProductView(
        name=name_of(line, reader),
        benefit=(sold.benefit if sold else None) or line.benefit,
        care=(sold.care if sold else None) or line.care,
        description=sold.description if sold else None,
        price=reader.money(line.price, currency),
        was_price=None,
        lowest_price=None,
        quantity=line.quantity,
        url=(sold.url if sold else None) or line.url,
        image_url=(sold.image_url if sold else None) or line.image_url,
        category=sold.category if sold else None,
        in_stock=sold.in_stock if sold else True,
    )


def _web(url: str | None) -> str | None:
    """Leave out an address that an e-mail may not lead to, wherever it was imported from."""
    return url if url and is_web_url(url) else None


def _names(order: OrderFacts, reader: Reader, more: Mapping[str, str]) -> str | None:
    names = list(dict.fromkeys(name_of(line, reader) for line in order.lines))
    rest = len(names) - NAMES_MAX
    if rest > 0:
        names = [*names[:NAMES_MAX], counted(more, rest, locale=reader.locale)]
    return listed(names, locale=reader.locale) if names else None
