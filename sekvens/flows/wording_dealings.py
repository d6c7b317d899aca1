"""A contact's dealings with the shop in words: that a condition holds, and that it does not."""

from datetime import timedelta
from typing import Final

from sekvens.flows.dealings import (
    Bounced,
    Breadth,
    ClickRate,
    Dealing,
    EngagementIs,
    Ordered,
    Spent,
    TopShare,
    Viewed,
)
from sekvens.flows.durations import in_words

_MEASURES: Final = {
    "total": "spent at least {} in all",
    "last": "spent at least {} at their last order",
    "average": "spent at least {} an order on the average",
}


def dealing_both_ways(condition: Dealing) -> tuple[str, str]:
    """Say that a condition holds, and that it does not: `they have ordered`, `… never ordered`."""
    match condition:
        case Spent():
            text = _MEASURES[condition.measure].format(money(condition.at_least))
            text += looking_back(condition.within)
            return f"they have {text}", f"they have not {text}"
        case Ordered():
            return _done(condition, "ordered", "something")
        case Viewed():
            return _done(condition, "looked at", "products")
        case Breadth():
            text = f"ordered from at least {condition.categories} categories"
            return f"they have {text}", f"they have not {text}"
        case TopShare():
            text = f"among the {condition.share:.0%} of customers who have spent most"
            return f"they are {text}", f"they are not {text}"
        case EngagementIs():
            return f"they are {condition.level}", f"they are not {condition.level}"
        case ClickRate():
            text = f"clicked {condition.at_least} times or more for a hundred marketing e-mails"
            text += f", of at least {condition.received},{looking_back(condition.within)}"
            return f"they have {text}", f"they have not {text}"
        case Bounced():
            text = f"at least {_many(condition.times, 'message')} to them came back"
            text += looking_back(condition.within)
            return text, f"it is not so that {text}"


def money(hundredths: int) -> str:
    """Write an amount without its currency: `1,500`, `99.50`."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole:,}.{rest:02}" if rest else f"{whole:,}"


def looking_back(within: timedelta | None) -> str:
    """Say how far back is looked: ` in the last 30 days`; nothing of all times."""
    return "" if within is None else f" in the last {in_words(within).removeprefix('1 ')}"


def _done(condition: Ordered | Viewed, done: str, anything: str) -> tuple[str, str]:
    what = _what(condition)
    thing = f" {what or anything}" if what or done != "ordered" else ""
    ends = looking_back(condition.within)
    if condition.times > 1:
        times = f"{done}{thing}"
        return (
            f"they have {times} at least {condition.times} times{ends}",
            f"they have {times} fewer than {condition.times} times{ends}",
        )
    never = "not" if condition.within is not None else "never"
    return f"they have {done}{thing}{ends}", f"they have {never} {done}{thing}{ends}"


def _what(condition: Ordered | Viewed) -> str:
    named = (
        ("the product", condition.product),
        ("the category", condition.category),
        ("the brand", condition.brand),
    )
    return " of ".join(f"{kind} {name}" for kind, name in named if name is not None)


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
