"""What the shop's backend posts about products, parsed at the edge into listings.

One bad product never spoils its neighbours: it comes out as `Rejected`, with the reason. Whatever
is left out of one is not told, and null takes it away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sekvens.events.parse import AHEAD_MAX, EVENT_BYTES_MAX
from sekvens.events.segment import UNREADABLE, Malformed, lenient_json, raw_of
from sekvens.flows.keys import key_of
from sekvens.imports.outcome import Rejected
from sekvens.imports.plain import line_of_text, paragraphs, seen_line
from sekvens.imports.values import amount_of, instant_of, is_web_address
from sekvens.products.feeds.item import BENEFITS_MAX, TEXT_LENGTH_MAX, TITLE_LENGTH_MAX
from sekvens.products.listing import Listing, Price, Stock

#: As many as events in a batch.
PRODUCTS_MAX: Final = 2_500
VARIANTS_MAX: Final = 2_048
#: More of one thing no shop has.
COUNT_MAX: Final = 999_999_999

_Id: TypeAlias = str | Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Amount: TypeAlias = str | Annotated[int, Meta(ge=0, le=10**12)] | float
_Text: TypeAlias = Annotated[str | UnsetType | None, Meta(description="null: it has none any more")]
_Instant: TypeAlias = Annotated[
    str | UnsetType | None, Meta(description="ISO 8601; without a zone, UTC")
]


class PostedProduct(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One product. What is left out stays as it is; a product that is new needs title and price."""

    product_id: Annotated[_Id, Meta(description="As events carry it")]
    updated_at: Annotated[
        str | None, Meta(description="When it was so: what is older changes nothing. Else: now")
    ] = None
    in_stock: Annotated[bool | UnsetType, Meta(description="It can be ordered")] = UNSET
    stock: Annotated[
        Annotated[int, Meta(ge=-COUNT_MAX, le=COUNT_MAX)] | UnsetType | None,
        Meta(description="How many are left. Without in_stock, more than 0 can be ordered"),
    ] = UNSET
    price: Annotated[_Amount | UnsetType, Meta(description="149, or 149.00 SEK")] = UNSET
    sale_price: Annotated[
        _Amount | UnsetType | None, Meta(description="Beside price, while it is reduced")
    ] = UNSET
    sale_from: _Instant = UNSET
    sale_until: _Instant = UNSET
    currency: Annotated[str | UnsetType, Meta(description="Else the shop's")] = UNSET
    title: str | UnsetType = UNSET
    description: _Text = UNSET
    care: _Text = UNSET
    benefits: list[str] | UnsetType | None = UNSET
    category: _Text = UNSET
    brand: _Text = UNSET
    url: _Text = UNSET
    image_url: _Text = UNSET
    available_on: _Instant = UNSET
    variant_ids: Annotated[
        list[_Id] | UnsetType, Meta(description="Other ids that lead to it: sizes, SKUs")
    ] = UNSET


class PostedProducts(msgspec.Struct, kw_only=True):
    """Several products in one request, at most 2,500."""

    products: list[PostedProduct]
    locale: Annotated[
        str | None, Meta(description="The language of the texts. Else the shop's own")
    ] = None
    write_key: Annotated[str | None, Meta(description="Where there is no Authorization header")] = (
        msgspec.field(default=None, name="writeKey")
    )


@dataclass(frozen=True, kw_only=True)
class ProductsPosted:
    """What one request held. Lines count from 0, as the request's list does."""

    items: tuple[Listing | Rejected, ...]
    locale: str
    write_key: str | None


@dataclass(frozen=True, kw_only=True)
class ShopFacts:
    """What is the same for all that is posted to a shop."""

    locale: str
    locales: tuple[str, ...]
    currency: str


class _Envelope(msgspec.Struct):
    products: list[msgspec.Raw]
    locale: Any = None
    write_key: Any = msgspec.field(default=None, name="writeKey")


class _Unusable(Exception):
    """Leaves the parsing of one product; the message is the reason."""


_read_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_read_product: Final = msgspec.json.Decoder(PostedProduct).decode


def read_products(body: bytes, *, shop: ShopFacts, received_at: datetime) -> ProductsPosted:
    """Read the body of `/v1/products`; `received_at` is wall time.

    Raises:
        Malformed: it is not JSON, has no list `products`, holds too many, or is in a language that
            the shop does not write in.
    """
    envelope = _envelope(body)
    if len(envelope.products) > PRODUCTS_MAX:
        raise Malformed(f"a request holds at most {PRODUCTS_MAX} products; post several")
    locale = shop.locale if envelope.locale is None else envelope.locale
    if locale not in shop.locales:
        raise Malformed(f"the shop does not write in this locale, but in {', '.join(shop.locales)}")
    items = (
        _item(bytes(raw), line, shop, received_at) for line, raw in enumerate(envelope.products)
    )
    key = envelope.write_key
    return ProductsPosted(
        items=tuple(items), locale=locale, write_key=key if isinstance(key, str) else None
    )


def _envelope(body: bytes) -> _Envelope:
    try:
        return _read_envelope(body)
    except UNREADABLE:
        # Perhaps one product holds what JSON does not allow; it is to be refused alone.
        found = lenient_json(body)
    if not isinstance(found, dict) or not isinstance(found.get("products"), list):
        raise Malformed("the body is not a JSON object with a list `products`")
    return _Envelope(
        products=[raw_of(each) for each in found["products"]],
        locale=found.get("locale"),
        write_key=found.get("writeKey"),
    )


def _item(raw: bytes, line: int, shop: ShopFacts, received_at: datetime) -> Listing | Rejected:
    if len(raw) > EVENT_BYTES_MAX:
        reason = f"a product holds at most {EVENT_BYTES_MAX // 1024} KB"
        return Rejected(line=line, reason=reason)
    try:
        return _listing(_read_product(raw), line, shop, received_at)
    except msgspec.ValidationError as error:
        # It names kinds and our fields; of what was posted, a field's name at the most.
        return Rejected(line=line, reason=seen_line(str(error))[:TITLE_LENGTH_MAX])
    except UNREADABLE:
        return Rejected(line=line, reason="it is not valid JSON")
    except _Unusable as error:
        return Rejected(line=line, reason=str(error))


def _listing(posted: PostedProduct, line: int, shop: ShopFacts, received_at: datetime) -> Listing:
    return Listing(
        line=line,
        product_id=_id(posted.product_id),
        variant_ids=_variant_ids(posted),
        at=_at(posted, received_at),
        price=_price(posted, shop),
        stock=_stock(posted),
        texts=dict(_texts(posted)),
        page=dict(_page(posted)),
    )


def _id(given: str | int) -> str:
    text = str(given)
    if not text or seen_line(text) != text:
        raise _Unusable("an id is empty, or has blanks around it or what shows nothing in it")
    return key_of(text)


def _variant_ids(posted: PostedProduct) -> tuple[str, ...]:
    given = [] if posted.variant_ids is UNSET else posted.variant_ids
    if len(given) > VARIANTS_MAX:
        raise _Unusable(f"variant_ids holds at most {VARIANTS_MAX}")
    return tuple(dict.fromkeys(map(_id, given)))


def _at(posted: PostedProduct, received_at: datetime) -> datetime:
    at = received_at if posted.updated_at is None else _instant("updated_at", posted.updated_at)
    if at > received_at + AHEAD_MAX:
        raise _Unusable("updated_at lies more than a day ahead")
    return min(at, received_at)


def _price(posted: PostedProduct, shop: ShopFacts) -> Price | None:
    if posted.price is UNSET:
        beside = (posted.sale_price, posted.sale_from, posted.sale_until, posted.currency)
        if any(each is not UNSET for each in beside):
            raise _Unusable("sale_price, sale_from, sale_until and currency need price beside them")
        return None
    usual, own_currency = _amount("price", posted.price)
    currency = own_currency or shop.currency
    if posted.currency is not UNSET:
        currency = posted.currency.upper()
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise _Unusable("currency is no code of three letters such as SEK")
    sale = posted.sale_price
    return Price(
        usual=usual,
        reduced=_amount("sale_price", sale)[0] if sale is not UNSET and sale is not None else None,
        reduced_from=_maybe_instant("sale_from", posted.sale_from),
        reduced_until=_maybe_instant("sale_until", posted.sale_until),
        currency=currency,
    )


def _stock(posted: PostedProduct) -> Stock | None:
    count = None if posted.stock is UNSET or posted.stock is None else max(0, posted.stock)
    if posted.in_stock is not UNSET:
        return Stock(in_stock=posted.in_stock, count=count)
    return None if count is None else Stock(in_stock=count > 0, count=count)


def _texts(posted: PostedProduct) -> Iterator[tuple[str, Any]]:
    if posted.title is not UNSET:
        title = line_of_text(posted.title, length_max=TITLE_LENGTH_MAX)
        if not title:
            raise _Unusable("title is empty")
        yield "titles", title
    if posted.description is not UNSET:
        yield "descriptions", paragraphs(posted.description or "")[:TEXT_LENGTH_MAX]
    if posted.care is not UNSET:
        yield "cares", line_of_text(posted.care or "", length_max=TEXT_LENGTH_MAX)
    if posted.benefits is not UNSET:
        lines = (line_of_text(each, length_max=TEXT_LENGTH_MAX) for each in posted.benefits or ())
        yield "benefits", [line for line in lines if line][:BENEFITS_MAX]


def _page(posted: PostedProduct) -> Iterator[tuple[str, Any]]:
    for name in ("category", "brand"):
        said = getattr(posted, name)
        if said is not UNSET:
            yield name, line_of_text(said or "", length_max=TITLE_LENGTH_MAX) or None
    for name in ("url", "image_url"):
        said = getattr(posted, name)
        if said is not UNSET:
            if said and not is_web_address(said):
                raise _Unusable(f"{name} is no address that begins with https://")
            yield name, said or None
    if posted.available_on is not UNSET:
        yield "available_on", _maybe_instant("available_on", posted.available_on)


def _amount(name: str, given: str | float) -> tuple[Decimal, str | None]:
    text = given if isinstance(given, str) else format(Decimal(str(given)), "f")
    found = amount_of(text)
    if found is None:
        raise _Unusable(f"{name} is no amount such as 149 or 149.00 SEK")
    return found


def _maybe_instant(name: str, given: str | UnsetType | None) -> datetime | None:
    return None if given is None or given is UNSET else _instant(name, given)


def _instant(name: str, given: str) -> datetime:
    at = instant_of(given)
    if at is None:
        raise _Unusable(f"{name} is no instant such as 2026-12-01T09:00:00Z")
    return at
