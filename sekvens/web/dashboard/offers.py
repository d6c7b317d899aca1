"""Offers: what each gives, how many were promised and redeemed, what it cost and brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from sekvens.offers.costs import Came, came_to
from sekvens.offers.queries import GivenBy, Standing, codes_left, given_by, standings
from sekvens.shop import Offer, Shop
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page


@dataclass(frozen=True, kw_only=True)
class Row:
    """One offer, of the settings or of the past."""

    name: str
    offer: Offer | None  #: None: the settings have it no more
    given_by: GivenBy
    code: str  #: the code or the pattern; empty: there is none to show
    left: int | None  #: codes in its pool; None: it has none
    standing: Standing
    came: Came  #: of all time

    @property
    def redeemed_share(self) -> float | None:
        """Which part of what was promised has been redeemed; None: nothing was promised."""
        if not self.standing.claimed:
            return None
        return self.standing.redeemed / self.standing.claimed

    @property
    def amount(self) -> Decimal | int | None:
        """How much it takes off, if it is that kind of offer."""
        return (self.offer.percent or self.offer.amount or None) if self.offer else None

    @property
    def lasts_days(self) -> int | None:
        """How many days its pool lasts at the last week's pace, if that is not long."""
        lasts = self.standing.lasts
        return lasts.days if self.left and lasts is not None and self.standing.is_short else None


_NOTHING = Standing(codes_left=None, claimed=0, redeemed=0, claimed_lately=0)


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List the offers, those first whose pool needs somebody."""
    shop = house.settings.shop
    rows = _rows(session, shop, asked)
    needy = [row for row in rows if row.left == 0 or row.lasts_days is not None]
    return {"offers": rows, "needy": needy}


def _rows(session: Session, shop: Shop, asked: Asked) -> list[Row]:
    known = standings(session, now=asked.shop_now)
    came = came_to(session, shop.offers, currency=shop.currency)
    rows = []
    for name in sorted({*shop.offers, *known}):
        offer, standing = shop.offers.get(name), known.get(name, _NOTHING)
        by, code = given_by(name, shop, standing) if offer else (GivenBy.NOTHING, "")
        rows.append(
            Row(
                name=name,
                offer=offer,
                given_by=by,
                code=code,
                left=codes_left(offer, standing),
                standing=standing,
                came=came.get(name, Came()),
            )
        )
    return rows


OFFERS = Page(path="/staff/offers", name="offers", section="offers", show=show, live=("offers",))
