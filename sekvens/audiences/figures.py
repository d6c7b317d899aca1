"""The shop's own figures: how long nine of ten customers take to come back, what the top spend.

They are worked out from the shop's completed orders, and stand for a day.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.events.tables import Order
from sekvens.flows.shop_time import ShopTime
from sekvens.segments.figures import REORDER_GAP, top_share
from sekvens.segments.tables import ContactSummary, ShopFigure
from sekvens.send_time.activity import count_hours
from sekvens.send_time.figures import CLICKS, keep_known
from sekvens.shop import Shop

#: With fewer the ninth tenth is a matter of ten customers, and the default stands.
GAPS_MIN: Final = 100
#: Below, people are pestered; above, they have forgotten the shop (peers.md, 30 to 180 days).
GAP_MIN, GAP_MAX = timedelta(days=45), timedelta(days=180)
#: A figure stands for a day; a round that comes an hour early works it out again all the same.
STANDS_FOR: Final = timedelta(hours=22)
_ROWS_AT_ONCE: Final = 5_000


def keep_reorder_gap(session: Session, *, now: datetime, shop_time: ShopTime) -> timedelta | None:
    """Work the figure out if the last one is a day old; None: it is not known. `now`: wall time."""
    row = session.get(ShopFigure, REORDER_GAP)
    if row is not None and _stands(row, now, shop_time):
        return timedelta(days=row.value)
    gap = compute_reorder_gap(session, shop_time.at(now))
    if gap is None:
        return None
    if row is None:
        row = ShopFigure(name=REORDER_GAP)
        session.add(row)
    row.value, row.computed_at = gap / timedelta(days=1), now
    session.flush()
    return gap


def keep_top_shares(
    session: Session, shares: Collection[float], *, now: datetime, shop_time: ShopTime
) -> None:
    """Work out what the least of each top share has spent, if the last figure is a day old.

    With fewer customers than one in the share the figure is unknown. `now` is wall time.
    """
    for share in shares:
        row = session.get(ShopFigure, top_share(share))
        if row is not None and _stands(row, now, shop_time):
            continue
        least = compute_top_share(session, share)
        if least is None:
            continue
        if row is None:
            row = ShopFigure(name=top_share(share))
            session.add(row)
        row.value, row.computed_at = least, now
    session.flush()


def keep_send_hours(database: Database, shop: Shop, *, now: datetime, shop_time: ShopTime) -> None:
    """Work out at which hours contacts are there, if the last figures are a day old.

    It is read before anything is written, so that no other writer waits. `now` is wall time.
    """
    with database.read() as session:
        row = session.get(ShopFigure, CLICKS)
        if row is not None and _stands(row, now, shop_time):
            return
        counts = count_hours(session, now=shop_time.at(now), zone=shop.timezone)
    with database.write() as session:
        keep_known(session, counts, now=now)


def _stands(row: ShopFigure, now: datetime, shop_time: ShopTime) -> bool:
    return shop_time.at(now) - shop_time.at(row.computed_at) < STANDS_FOR


def compute_top_share(session: Session, share: float) -> int | None:
    """Tell what the least of a top share of customers has spent, in hundredths of the currency."""
    customers = ContactSummary.orders > 0
    count = session.scalar(select(func.count()).where(customers)) or 0
    among = int(count * share)
    if among < 1:
        return None
    query = select(ContactSummary.spent).where(customers).order_by(ContactSummary.spent.desc())
    return session.scalar(query.offset(among - 1).limit(1))


def compute_reorder_gap(session: Session, now: datetime) -> timedelta | None:
    """Tell the p90 of the gaps between a customer's consecutive orders; None until it is known.

    Orders until `now` (shop time) count, each once; those refunded or cancelled do not. The figure
    is kept within `GAP_MIN` and `GAP_MAX`.
    """
    query = (
        select(Order.contact_id, Order.ordered_at)
        .where(Order.state == "completed", Order.ordered_at <= now)
        .order_by(Order.contact_id, Order.ordered_at)
        .execution_options(yield_per=_ROWS_AT_ONCE)
    )
    found = list(gaps((whose, at) for whose, at in session.execute(query)))
    return None if len(found) < GAPS_MIN else bounded_gap(found)


def bounded_gap(seconds: Iterable[float]) -> timedelta:
    """Tell the p90 of gaps (two at the least), kept within `GAP_MIN` and `GAP_MAX`."""
    p90 = timedelta(seconds=quantiles(seconds, n=10, method="inclusive")[8])
    return min(max(p90, GAP_MIN), GAP_MAX)


def gaps(orders: Iterable[tuple[str, datetime]]) -> Iterator[float]:
    """List the seconds between each order and the next of the same contact, given in order."""
    last: tuple[str, datetime] | None = None
    for whose, at in orders:
        if last is not None and last[0] == whose:
            yield (at - last[1]).total_seconds()
        last = whose, at
