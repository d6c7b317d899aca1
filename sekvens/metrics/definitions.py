"""What each metric is: its two sums, its window, what is left out. Data, and nothing else.

The one list: the command line, docs/metrics.md and whoever reads a metric go by it. A metric is one
sum divided by another; both are sums of counts (`sekvens.metrics.counting`), so that they can be
added up over any days and groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Unit(StrEnum):
    """What a metric is measured in."""

    SHARE = "share"  #: of one
    SCORE = "score"  #: from -100 to 100
    MONEY = "money"  #: in the shop's currency, for each of the denominator
    NUMBER = "number"  #: for each of the denominator
    DAYS = "days"  #: of shop time; the denominator says of how many it is a quantile


class Increase(StrEnum):
    """Of what a holdout shows how much more there is."""

    ORDERS = "orders"
    REVENUE = "revenue"


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A sum of counts, below so many whole days: `until` is them, or names the setting."""

    name: str
    details: tuple[str, ...] = ()  #: only these; none: all
    until: str | int | None = None
    is_amount: bool = False  #: the money and not the number
    factor: int = 1


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric. What is written of it is shown to whoever asks, and stands in docs/metrics.md."""

    name: str
    unit: Unit
    above: str  #: the numerator, in words
    below: str  #: the denominator, in words
    window: str
    left_out: str
    numerator: tuple[Sum, ...] = ()
    denominator: tuple[Sum, ...] = ()
    by: tuple[str, ...] = ()  #: what it can be told apart by, beside periods
    #: days, or their setting, after the period until which it may still change for want of time
    matures: str | int = 0
    quantile: float | None = None
    increase: Increase | None = None  #: it is read from holdouts, and has no sums of counts
    beside: str | None = None  #: the metric that is shown with it
    without: str = "nothing of the kind has happened yet"  #: why there may be no data


_MESSAGE: Final = ("flow", "version", "step", "variant", "segment", "locale", "purpose")
_CART: Final = ("category", "cart-value")
_EXIT: Final = ("flow", "version", "variant", "segment", "reason")
_NO_FEEDBACK: Final = "no message was reported as delivered: is SES's feedback read?"
_ERASED: Final = "what contacts did who have been erased"
_DELIVERED: Final = "messages that the receiving server took"
_BY_ANSWER: Final = "`answer_days` after the message"

_SENT: Final = (Sum(name="sent"),)
_ARRIVED: Final = (Sum(name="delivered"),)
_EXITED: Final = (Sum(name="exited"),)
_JOINED: Final = (Sum(name="kept"), Sum(name="lost"))
_LEFT: Final = (Sum(name="kept_after"), Sum(name="lost_after"))
_FIRST: Final = (Sum(name="second"), Sum(name="no_second"))
_REPEAT: Final = tuple(Sum(name=name, details=("repeat",)) for name in ("order", "order_by_email"))
_REVENUE: Final = tuple(Sum(name=name, is_amount=True) for name in ("order", "order_by_email"))


def _score(question: str) -> tuple[tuple[Sum, ...], tuple[Sum, ...]]:
    name = f"answer/{question}"
    detract = Sum(name=name, details=tuple(str(value) for value in range(7)), factor=-1)
    return (Sum(name=name, details=("9", "10")), detract), (Sum(name=name),)


def _of_delivery() -> tuple[Metric, ...]:
    kinds = {
        "bounced": "messages that came back: the address is not to be mailed again",
        "soft-bounced": "messages that came back, from an address that may be good",
    }
    return (
        Metric(
            name="delivered", unit=Unit.SHARE, above=_DELIVERED,
            below="messages that SES took", window="none: as far as SES has reported",
            left_out="messages that were skipped, and those in doubt; delivered and bounced later "
            "is bounced",
            numerator=_ARRIVED, denominator=_SENT, by=_MESSAGE,
        ),
        *(
            Metric(
                name=name, unit=Unit.SHARE, above=above, below="messages that SES took",
                window="none: as far as SES has reported",
                left_out="what did not arrive through a fault of ours",
                numerator=(Sum(name=name.replace("-", "_")),), denominator=_SENT, by=_MESSAGE,
            )
            for name, above in kinds.items()
        ),
        Metric(
            name="complaints", unit=Unit.SHARE, above="messages that their reader called spam",
            below=_DELIVERED, window="none: as far as SES has reported",
            left_out="readers whose provider reports no complaints, Gmail's among them",
            numerator=(Sum(name="complained"),), denominator=_ARRIVED, by=_MESSAGE,
            without=_NO_FEEDBACK,
        ),
        Metric(
            name="unsubscribes", unit=Unit.SHARE,
            above="of these, those by whose own link the contact unsubscribed",
            below="marketing messages that the receiving server took", window=_BY_ANSWER,
            left_out=f"whoever unsubscribed elsewhere; {_ERASED}",
            numerator=(Sum(name="unsubscribed"),),
            denominator=(Sum(name="delivered_marketing"),), by=_MESSAGE, matures="answer_days",
            without=_NO_FEEDBACK,
        ),
    )  # fmt: skip


def _of_engagement() -> tuple[Metric, ...]:
    opens = "delivered messages whose contact allowed that opens are noted"
    clicks = "delivered messages whose contact allowed that clicks are noted"
    no_opens = "nobody has allowed that opens are noted, or SES reports none ([tracking] opens)"
    no_clicks = "nobody has allowed that clicks are noted ([tracking] clicks)"
    opened = (Sum(name="opens_allowed"),)
    clicked = (Sum(name="clicks_allowed"),)
    none = "none: however late it is"
    return (
        Metric(
            name="open-rate", unit=Unit.SHARE, above="of these, those that a person opened",
            below=opens, window=none, beside="open-consent", without=no_opens,
            left_out=f"machines' opens (see machine-opens); contacts who allowed none; {_ERASED}",
            numerator=(Sum(name="opened"),), denominator=opened, by=_MESSAGE,
        ),
        Metric(
            name="open-consent", unit=Unit.SHARE, above=opens, below=_DELIVERED,
            window="as it stood when the message was sent", left_out="nothing",
            numerator=opened, denominator=_ARRIVED, by=_MESSAGE, without=_NO_FEEDBACK,
        ),
        Metric(
            name="machine-opens", unit=Unit.SHARE,
            above="of these, those that only machines opened",
            below=opens, window=none, left_out="those that a person opened as well",
            numerator=(Sum(name="machine_opened"),), denominator=opened, by=_MESSAGE,
            without=no_opens,
        ),
        Metric(
            name="click-rate", unit=Unit.SHARE, above="of these, those in which a person clicked",
            below=clicks, window=none, without=no_clicks,
            left_out=f"machines' clicks (see machine-clicks); contacts who allowed none; {_ERASED}",
            numerator=(Sum(name="clicked"),), denominator=clicked, by=_MESSAGE,
        ),
        Metric(
            name="machine-clicks", unit=Unit.SHARE,
            above="of these, those in which only machines clicked",
            below=clicks, window=none, left_out="those in which a person clicked as well",
            numerator=(Sum(name="machine_clicked"),), denominator=clicked, by=_MESSAGE,
            without=no_clicks,
        ),
        Metric(
            name="click-to-open", unit=Unit.SHARE,
            above="of these, those in which a person clicked",
            below="messages that a person opened, of contacts who allowed that opens and clicks "
            "are noted", window=none, beside="open-consent", without=no_opens,
            left_out=f"machines; clicks in messages of which no open was noted; {_ERASED}",
            numerator=(Sum(name="opened_clicked"),),
            denominator=(Sum(name="opened_clicks_allowed"),), by=_MESSAGE,
        ),
    )  # fmt: skip


def _of_answers() -> tuple[Metric, ...]:
    nps, said = _score("would-recommend")
    satisfied, answered = _score("how-was-it")
    scale = "promoters (9, 10) less detractors (0 to 6)"
    return (
        Metric(
            name="review-conversion", unit=Unit.SHARE,
            above="of these, those whose own link led to a review",
            below="delivered messages that ask for a review", window=_BY_ANSWER,
            left_out=f"reviews written elsewhere; {_ERASED}", matures="answer_days",
            numerator=(Sum(name="reviewed"),), denominator=(Sum(name="asked_review"),), by=_MESSAGE,
        ),
        Metric(
            name="nps", unit=Unit.SCORE, above=f"{scale}, of `would-recommend`",
            below="delivered messages in which `would-recommend` was answered",
            window=_BY_ANSWER, left_out="answers but the newest to each message; answers given "
            f"later; {_ERASED}", matures="answer_days",
            numerator=nps, denominator=said, by=_MESSAGE,
        ),
        Metric(
            name="satisfaction", unit=Unit.SCORE, above=f"{scale}, of `how-was-it`",
            below="delivered messages in which `how-was-it` was answered",
            window=_BY_ANSWER, left_out="as nps", matures="answer_days",
            numerator=satisfied, denominator=answered, by=_MESSAGE,
        ),
    )  # fmt: skip


def _of_carts() -> tuple[Metric, ...]:
    return (
        Metric(
            name="cart-abandonment", unit=Unit.SHARE,
            above="of these, those that nobody touched for `cart_left_hours`",
            below="carts in which something was put", window="`cart_left_hours`",
            left_out="visitors whom we do not know; carts of erased contacts",
            numerator=(Sum(name="cart_left"),), denominator=(Sum(name="cart"),),
            by=(*_CART, "segment"),
        ),
        Metric(
            name="cart-recovery", unit=Unit.SHARE, above="of these, those that were ordered",
            below="carts that nobody touched for `cart_left_hours`",
            window="`cart_days` after the last touch before it was left",
            left_out="as cart-abandonment; whether an e-mail had a part in it",
            numerator=(Sum(name="cart_recovered"),), denominator=(Sum(name="cart_left"),),
            by=(*_CART, "segment"),
            matures="cart_days",
        ),
        Metric(
            name="cart-redemption", unit=Unit.SHARE,
            above="of these, those that were the last before the cart's order",
            below="delivered reminders of a cart", window="`cart_days` after the reminder",
            left_out="flows whose entries are not told apart by `cart_id`; carts of erased "
            "contacts", matures="cart_days",
            numerator=(Sum(name="cart_redeemed"),), denominator=(Sum(name="cart_reminder"),),
            by=(*_MESSAGE, *_CART),
        ),
    )  # fmt: skip


def _of_orders() -> tuple[Metric, ...]:
    last = "`attribution_days` from the click to the order"
    money = "orders refunded or cancelled; orders of another currency, or without a total"
    return (
        Metric(
            name="conversion", unit=Unit.SHARE, above="of these, those that an order is owed to",
            below=_DELIVERED, window=last, matures="attribution_days",
            left_out=f"orders refunded or cancelled; orders without a click before; {_ERASED}",
            numerator=(Sum(name="converted"),), denominator=_ARRIVED, by=_MESSAGE,
            without=_NO_FEEDBACK,
        ),
        Metric(
            name="revenue-per-recipient", unit=Unit.MONEY,
            above="what the orders come to that are owed to these", below=_DELIVERED,
            window=last, left_out=f"{money}; orders without a click before; {_ERASED}",
            numerator=(Sum(name="converted", is_amount=True),), denominator=_ARRIVED, by=_MESSAGE,
            matures="attribution_days", without=_NO_FEEDBACK,
        ),
        Metric(
            name="email-share", unit=Unit.SHARE,
            above="what the orders come to that are owed to a message",
            below="what all orders come to", window=last, left_out=money,
            numerator=(Sum(name="order_by_email", is_amount=True),), denominator=_REVENUE,
            by=("segment",),
        ),
        Metric(
            name="repeat-purchase", unit=Unit.SHARE, above="of these, those that another followed",
            below="contacts' first orders", window="`repeat_days` after the first order",
            left_out="orders refunded or cancelled", matures="repeat_days",
            numerator=(Sum(name="second", until="repeat_days"),), denominator=_FIRST,
            by=("segment",),
        ),
        Metric(
            name="repeat-value", unit=Unit.MONEY, above="what orders come to that are not a "
            "contact's first", below="orders that are not a contact's first", window="none",
            left_out=money,
            numerator=tuple(Sum(name=each.name, details=each.details, is_amount=True)
                            for each in _REPEAT),
            denominator=_REPEAT, by=("segment",),
        ),
    )  # fmt: skip


def _of_holdouts() -> tuple[Metric, ...]:
    below = "contacts who were not held out, by the day of their draw, and whose time is over"
    less = "for contacts who were not held out, less what as many came to who were"
    said = "orders refunded or cancelled; experiments with a holdout among their variants"
    return tuple(
        Metric(
            name=f"incremental-{what}", unit=unit, above=f"{above} {less}", below=below,
            window="that of the holdout after the draw", increase=what, by=("flow",),
            left_out=said + more,
            without="there is no holdout: `holdout=` of a flow, `[experiments] holdout` of all",
        )
        for what, unit, above, more in (
            (Increase.ORDERS, Unit.NUMBER, "orders", ""),
            (Increase.REVENUE, Unit.MONEY, "what orders come to", "; orders of another currency"),
        )
    )  # fmt: skip


def _of_contacts() -> tuple[Metric, ...]:
    cohort = "contacts whom we could send marketing for the first time"
    return (
        *(
            Metric(
                name=f"kept-{days}-days", unit=Unit.SHARE,
                above="of these, those whom we can still send marketing",
                below=f"{cohort}, by that day", window=f"{days} days after it",
                left_out="a no that was taken back: whoever came back was never lost",
                numerator=(*_JOINED, Sum(name="lost", until=days, factor=-1)),
                denominator=_JOINED, matures=days,
            )
            for days in (30, 90, 180, 365)
        ),
        Metric(
            name="kept-after-flow", unit=Unit.SHARE,
            above="of these, those whose contact we can still send marketing",
            below="enrollments that ended, by that day, of contacts whom we could send marketing "
            "when they began", window="`kept_days` after the exit", left_out="as kept-30-days",
            numerator=(*_LEFT, Sum(name="lost_after", until="kept_days", factor=-1)),
            denominator=_LEFT, by=_EXIT, matures="kept_days",
        ),
    )  # fmt: skip


def _of_flows() -> tuple[Metric, ...]:
    return (
        Metric(
            name="skipped", unit=Unit.SHARE, above="messages that were not sent, by skip reason",
            below="messages that SES took or that were not sent", window="none",
            left_out="messages that are still to be sent, or in doubt",
            numerator=(Sum(name="skipped"),), denominator=(Sum(name="skipped"), *_SENT),
            by=(*_MESSAGE, "reason"),
        ),
        *(
            Metric(
                name=name, unit=Unit.DAYS, above=f"whole days after which {part} of them had ended",
                below="enrollments that ended, by that day", window="none",
                left_out="enrollments under way",
                denominator=_EXITED, by=_EXIT, quantile=quantile,
            )
            for name, part, quantile in (
                ("time-to-exit", "half", 0.5),
                ("time-to-exit-p90", "nine of ten", 0.9),
            )
        ),
    )  # fmt: skip


#: Every metric by its name, in the order in which they are shown.
METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for group in (
            _of_delivery(), _of_engagement(), _of_answers(), _of_orders(), _of_holdouts(),
            _of_carts(), _of_contacts(), _of_flows(),
        )
        for metric in group
    }
)  # fmt: skip
