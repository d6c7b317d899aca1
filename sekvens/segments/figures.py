"""Figures of the shop's own that conditions go by, worked out by the audience scan."""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

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
