"""What the pages of the dashboard show: one call for each, all of its numbers read at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from sekvens.metrics.reading import Asked, Number, counted_at, days_owed, read
from sekvens.metrics.rules import Rules

_DELIVERY: Final = ("delivered", "bounced", "soft-bounced", "complaints", "unsubscribes")
_READING: Final = (
    "open-rate", "open-consent", "machine-opens", "click-rate", "machine-clicks", "click-to-open",
)  # fmt: skip
_SELLING: Final = ("conversion", "revenue-per-recipient")
_INCREMENTAL: Final = ("incremental-orders", "incremental-revenue")
_CARTS: Final = ("cart-abandonment", "cart-recovery", "cart-redemption")
_KEPT: Final = ("kept-30-days", "kept-90-days", "kept-180-days", "kept-365-days")
_ENDS: Final = ("time-to-exit", "time-to-exit-p90", "kept-after-flow")


@dataclass(frozen=True, kw_only=True)
class Page:
    """The numbers of one page, by the name of each table."""

    tables: Mapping[str, Sequence[Number]]
    counted_at: datetime | None  #: shop time up to which facts are in it; None: none are yet
    days_owed: int  #: days and months of which something has come that is not in it yet


@dataclass(frozen=True, kw_only=True)
class Period:
    """Days of the shop: from `since` until `until`, which is no more part of it."""

    since: date
    until: date


def overview(session: Session, period: Period, rules: Rules, *, today: date) -> Page:
    """Show how all flows are doing, together and each."""
    step = "month" if period.until - period.since > timedelta(days=100) else "week"
    shop = ("email-share", "repeat-purchase", "repeat-value", "nps", "review-conversion")
    return _page(
        session, period, rules, today,
        {
            "all": ((*_DELIVERY, *_READING, *_SELLING, *shop), ()),
            "by flow": ((*_DELIVERY, "open-rate", "click-rate", *_SELLING), ("flow",)),
            "incremental": (_INCREMENTAL, ()),
            "incremental by flow": (_INCREMENTAL, ("flow",)),
            "over time": (("delivered", *_SELLING, "email-share"), (step,)),
        },
    )  # fmt: skip


def flow(session: Session, name: str, period: Period, rules: Rules, *, today: date) -> Page:
    """Show one flow, step by step, by language, variant and segment, and how it ends."""
    answers = ("review-conversion", "nps", "satisfaction")
    return _page(
        session, period, rules, today,
        {
            "by step": ((*_DELIVERY, *_READING, *_SELLING, *answers), ("step",)),
            "by locale": (("delivered", "click-rate", *_SELLING), ("locale",)),
            "by variant": (("delivered", "click-rate", *_SELLING), ("variant",)),
            "by segment": (("delivered", "click-rate", *_SELLING), ("segment",)),
            "skipped": (("skipped",), ("reason",)),
            "exits": (_ENDS, ()),
            "exits by reason": (("time-to-exit",), ("reason",)),
        },
        of_flow=name,
    )  # fmt: skip


def carts(session: Session, period: Period, rules: Rules, *, today: date) -> Page:
    """Show what becomes of carts, and what reminders of them do."""
    return _page(
        session, period, rules, today,
        {
            "all": (_CARTS, ()),
            "by value": (_CARTS, ("cart-value",)),
            "by category": (_CARTS, ("category",)),
            "by reminder": (("cart-redemption",), ("flow", "step")),
        },
    )  # fmt: skip


def contacts(session: Session, period: Period, rules: Rules, *, today: date) -> Page:
    """Show for how long those who signed up stay, by the month in which they did."""
    return _page(
        session, period, rules, today,
        {
            "by month": (_KEPT, ("month",)),
            "after each flow": (("kept-after-flow",), ("flow",)),
            "repeat purchases": (("repeat-purchase", "repeat-value"), ("month",)),
        },
    )  # fmt: skip


def _page(
    session: Session,
    period: Period,
    rules: Rules,
    today: date,
    tables: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    *,
    of_flow: str | None = None,
) -> Page:
    return Page(
        tables={
            title: read(
                session,
                Asked(names=names, since=period.since, until=period.until, by=by, flow=of_flow),
                rules,
                today=today,
            )
            for title, (names, by) in tables.items()
        },
        counted_at=counted_at(session, rules),
        days_owed=days_owed(session),
    )
