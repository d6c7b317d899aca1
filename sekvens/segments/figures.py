"""Figures that conditions go by: the shop's own, worked out by the audience scan; and a contact's.

A contact's own are the predictions `lapse` and `next_order`, where a model is trusted with them.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.tables import Prediction
from sekvens.segments.tables import ShopFigure

REORDER_GAP: Final = "reorder_gap_days"
#: Until the shop's own is known: the middle of what winback flows use (peers.md, 30 to 120 days).
REORDER_GAP_DEFAULT: Final = timedelta(days=60)


def top_share(share: float) -> str:
    """Name the figure that says what the least of a top share of customers have spent."""
    return f"top_share/{share:g}"


def reorder_gap(session: Session) -> timedelta:
    """Tell after how long without an order a customer counts as lapsed."""
    figure = session.get(ShopFigure, REORDER_GAP)
    return timedelta(days=figure.value) if figure is not None else REORDER_GAP_DEFAULT


class Foretold(NamedTuple):
    """A day that a model foretells of one contact; an order since makes it void."""

    predicted_on: datetime  #: shop time
    falls_on: datetime  #: shop time

    def stands(self, last_order: datetime | None) -> bool:
        """Tell whether no order has come since."""
        return last_order is None or last_order <= self.predicted_on


def foretold(session: Session, contact_id: str, kind: Kind) -> Foretold | None:
    """Find what a trusted model foretells of a canonical contact; None: nothing."""
    row = session.get(Prediction, (contact_id, kind))
    if row is None or row.falls_on is None or row.method != Method.MODEL:
        return None
    return Foretold(row.computed_at, row.falls_on)
