"""What has become of the offers: codes left, claims, redemptions, and how long a pool lasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sekvens.offers.tables import CodeSource, OfferClaim, OfferCode, Redemption
from sekvens.shop import Offer, Shop

#: The pace at which a pool is used up is that of so many days.
PACE: Final = timedelta(days=7)
#: A pool that lasts no longer than this needs somebody's attention.
LASTS_MIN: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one offer stands."""

    codes_left: int | None  #: None: it has no pool
    claimed: int
    redeemed: int
    claimed_lately: int  #: within `PACE`

    @property
    def lasts(self) -> timedelta | None:
        """How long the pool lasts at the last week's pace; None without pool or pace."""
        if self.codes_left is None or not self.claimed_lately:
            return None
        return PACE * (self.codes_left / self.claimed_lately)

    @property
    def is_short(self) -> bool:
        """Whether the pool is empty, or will be soon."""
        return self.codes_left == 0 or (self.lasts is not None and self.lasts < LASTS_MIN)


def standings(session: Session, *, now: datetime) -> dict[str, Standing]:
    """Tell how each offer stands that has codes, claims or redemptions. `now` is shop time."""
    pool = OfferCode.source == CodeSource.POOL
    stored = _counts(session, select(OfferCode.offer, func.count()).where(pool))
    left = _counts(
        session, select(OfferCode.offer, func.count()).where(pool, OfferCode.taken_at.is_(None))
    )
    claims = select(OfferClaim.offer, func.count())
    claimed = _counts(session, claims)
    lately = _counts(session, claims.where(OfferClaim.claimed_at > now - PACE))
    redeemed = _counts(session, select(Redemption.offer, func.count()))
    return {
        name: Standing(
            codes_left=left.get(name, 0) if name in stored else None,
            claimed=claimed.get(name, 0),
            redeemed=redeemed.get(name, 0),
            claimed_lately=lately.get(name, 0),
        )
        for name in {*stored, *claimed, *redeemed}
    }


def redemptions(session: Session, *, offer: str | None, limit: int) -> Sequence[Redemption]:
    """List the newest redemptions, of one offer or of all."""
    query = select(Redemption).order_by(Redemption.redeemed_at.desc(), Redemption.order_id)
    if offer is not None:
        query = query.where(Redemption.offer == offer)
    return session.scalars(query.limit(limit)).all()


class GivenBy(StrEnum):
    """Where the code comes from that a contact is given now."""

    REFERRAL = "referral"  #: each contact's own, to pass on
    POOL = "pool"
    CODE = "code"  #: one for everybody
    PATTERN = "pattern"
    NOTHING = "nothing"  #: it is given without a code


def given_by(name: str, shop: Shop, standing: Standing | None) -> tuple[GivenBy, str]:
    """Tell where an offer's code comes from, with the code or the pattern; see `claims`."""
    offer = shop.offers[name]
    if shop.referral and shop.referral.friend == name:
        return GivenBy.REFERRAL, shop.referral.pattern
    has_pool = standing is not None and standing.codes_left is not None
    if offer.pool or (offer.pattern and has_pool):
        return GivenBy.POOL, ""
    if offer.code:
        return GivenBy.CODE, offer.code
    return (GivenBy.PATTERN, offer.pattern) if offer.pattern else (GivenBy.NOTHING, "")


def codes_left(offer: Offer | None, standing: Standing | None) -> int | None:
    """Tell how many codes a pool still has; None: the offer has none."""
    if standing is not None and standing.codes_left is not None:
        return standing.codes_left
    return 0 if offer and offer.pool else None


def _counts(session: Session, query: Select[str, int]) -> dict[str, int]:
    rows = session.execute(query.group_by(query.selected_columns[0]))
    return {row[0]: row[1] for row in rows}
