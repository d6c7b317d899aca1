"""Redemption: our codes recognised in the orders that carry them, once for each order.

A code of its own is used up whoever ordered with it; one that is everybody's is redeemed by those
who were promised it. A refund takes nothing back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.events.facts import Fact, chunks, derived
from sekvens.events.orders import order_id
from sekvens.events.schema import ORDER_COMPLETED, ORDER_UPDATED, REFERRAL_REWARDED
from sekvens.offers.patterns import is_writable, key_of
from sekvens.offers.referral import refer
from sekvens.offers.tables import CodeSource, OfferClaim, OfferCode, Redemption, Referral
from sekvens.shop import Shop

REWARDED_SUFFIX: Final = "#referral-rewarded"
#: Checkouts let a buyer add a handful; a longer list is something else.
CODES_MAX: Final = 20


def redeem(session: Session, facts: Iterable[Fact], *, shop: Shop | None) -> list[Fact]:
    """Record which codes orders carried, and who has referred whom.

    Args:
        session: A writing session in which the facts are stored and folded.
        facts: Any facts; those that are orders with codes count.
        shop: Names the rewards for referrals.

    Returns:
        A fact for each contact who has earned a reward: it follows from a friend's order.
    """
    carried = [(fact, keys) for fact in facts if (keys := _keys(fact))]
    if not carried:
        return []
    known = _known(session, {key for _, keys in carried for key in keys})
    rewarded: list[Fact] = []
    for fact, keys in carried:
        for key in keys:
            code = known.get(key)
            _record(session, fact, key, code)
            if code and code.source == CodeSource.REFERRAL and fact.name == ORDER_COMPLETED:
                referral = refer(session, fact, code, shop=shop)
                rewarded += [_rewarded(fact, referral, shop)] if referral else []
    return rewarded


def codes_in(properties: Mapping[str, Any]) -> list[str]:
    """List the codes that an order was posted with: Segment's `coupon`, or lists.

    A list may hold codes, or tables with a `code`.
    """
    found: list[object] = []
    for name in ("coupon", "coupons", "discount_codes"):
        posted = properties.get(name)
        found += posted if isinstance(posted, list) else [posted]
    texts = (item.get("code") if isinstance(item, Mapping) else item for item in found)
    given = [text.strip() for text in texts if isinstance(text, str)]
    return [text for text in given if is_writable(text)][:CODES_MAX]


def _keys(fact: Fact) -> list[str]:
    if fact.name not in (ORDER_COMPLETED, ORDER_UPDATED):
        return []
    return list(dict.fromkeys(key_of(code) for code in codes_in(fact.properties)))


def _known(session: Session, keys: set[str]) -> dict[str, OfferCode]:
    found: dict[str, OfferCode] = {}
    for some in chunks(keys):
        for code in session.scalars(select(OfferCode).where(OfferCode.key.in_(some))):
            found[code.key] = code
    return found


def _record(session: Session, fact: Fact, key: str, code: OfferCode | None) -> None:
    claim = _claim(session, fact, key, code)
    if code is None and claim is None:
        return  # some other campaign's, or one that this contact was never promised
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(Redemption)
        .values(
            order_id=order_id(fact),
            key=key,
            offer=code.offer if code else claim.offer if claim else "",
            contact_id=fact.contact_id,
            claim_id=claim.id if claim else None,
            redeemed_at=fact.occurred_at,
        )
        .on_conflict_do_nothing(index_elements=["order_id", "key"])
    )
    if code is not None and code.taken_at is None:
        code.taken_at = fact.occurred_at  # it came from elsewhere, and is used up all the same


def _claim(session: Session, fact: Fact, key: str, code: OfferCode | None) -> OfferClaim | None:
    claims = select(OfferClaim).order_by(OfferClaim.claimed_at.desc(), OfferClaim.id).limit(1)
    if code is not None:
        return session.scalars(claims.where(OfferClaim.code_id == code.id)).one_or_none()
    person: Sequence[str] = known_as(session, [fact.contact_id])[fact.contact_id]
    return session.scalars(
        claims.where(OfferClaim.key == key, OfferClaim.contact_id.in_(person))
    ).one_or_none()


def _rewarded(fact: Fact, referral: Referral, shop: Shop | None) -> Fact:
    offer = shop.referral.referrer if shop and shop.referral else None
    # Nothing of the friend's but the number of the order, which keeps two rewards apart.
    told = {"offer": offer, "friend_order_id": referral.order_id}
    return derived(
        fact,
        name=REFERRAL_REWARDED,
        suffix=REWARDED_SUFFIX,
        properties=told,
        contact_id=referral.referrer_id,
    )
