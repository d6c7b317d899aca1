"""Referral: each contact's own code to pass on, and the reward when a friend's first order has it.

Nobody is referred twice, nor by themselves, whichever of their contacts they order as.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.errors import TemplateError
from sekvens.events.facts import Fact
from sekvens.events.orders import order_id
from sekvens.events.tables import Order
from sekvens.offers import codes
from sekvens.offers.claims import award
from sekvens.offers.tables import CodeSource, OfferCode, Referral
from sekvens.shop import Shop

logger = logging.getLogger(__name__)


def referral_code(session: Session, *, contact_id: str, now: datetime, shop: Shop) -> str | None:
    """Tell a contact's own code, the same for ever; None in a shop without referrals.

    The first time it is made up, so that the session must be writing. `now` is shop time.
    """
    if shop.referral is None:
        return None
    canonical = canonical_id(session, contact_id)
    person = known_as(session, [canonical])[canonical]
    code = _own_code(session, person)
    if code is None:
        take_turn(session, Turn.CLAIM, f"referral/{canonical}")
        code = _own_code(session, person) or codes.make(
            session,
            shop.referral.pattern,
            offer=shop.referral.friend,
            source=CodeSource.REFERRAL,
            contact_id=canonical,
            taken_at=now,
        )
    return code.code


def refer(session: Session, fact: Fact, code: OfferCode, *, shop: Shop | None) -> Referral | None:
    """Record that an order carried another contact's code; None unless that is a referral.

    The referrer's reward is claimed with it; without codes for it, when they are told of it.

    Args:
        session: A writing session in which the order is stored already.
        fact: The order's completion.
        code: The code that it carried, somebody's own.
        shop: Names the rewards; without it none is claimed yet.
    """
    if code.contact_id is None:
        return None
    friend_id, referrer_id = fact.contact_id, canonical_id(session, code.contact_id)
    friends = known_as(session, [friend_id])[friend_id]
    if referrer_id in friends or not _is_first(session, fact, friends):
        return None
    referral = Referral(
        friend_id=friend_id,
        referrer_id=referrer_id,
        order_id=order_id(fact),
        claim_id=_rewarded(session, referrer_id, shop, fact.occurred_at),
        referred_at=fact.occurred_at,
    )
    session.add(referral)
    session.flush()
    return referral


def _own_code(session: Session, person: Sequence[str]) -> OfferCode | None:
    return session.scalars(
        select(OfferCode)
        .where(OfferCode.contact_id.in_(person), OfferCode.source == CodeSource.REFERRAL)
        .order_by(OfferCode.id)
        .limit(1)
    ).one_or_none()


def _is_first(session: Session, fact: Fact, friends: Sequence[str]) -> bool:
    """Tell whether an order is the contact's first, and they have not been referred before."""
    before = select(Order.order_id).where(
        Order.contact_id.in_(friends),
        Order.order_id != order_id(fact),
        Order.ordered_at <= fact.occurred_at,
    )
    referred = select(Referral.friend_id).where(Referral.friend_id.in_(friends))
    return session.scalar(before.limit(1)) is None and session.scalar(referred.limit(1)) is None


def _rewarded(session: Session, referrer_id: str, shop: Shop | None, now: datetime) -> str | None:
    if shop is None or shop.referral is None:
        return None
    name = shop.referral.referrer
    try:
        return award(
            session, offer_name=name, offer=shop.offers[name], contact_id=referrer_id, now=now
        ).id
    except TemplateError as error:
        # The friend's order stands whatever becomes of the reward: its e-mail will claim it.
        extra = {"action": "reward_not_claimed", "contact_id": referrer_id}
        logger.warning("%s", error, extra=extra)
        return None
