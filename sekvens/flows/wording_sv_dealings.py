"""A contact's dealings with the shop, what an entry is about, and stretches of time, in Swedish."""

from datetime import timedelta
from typing import Final

from sekvens.flows.conditions import (
    InFlow,
    InSegment,
    InStock,
    Lapsed,
    NeedsAgain,
    OrderExpected,
    Owns,
    PriceStands,
    ProductInStock,
)
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

_UNITS: Final = (
    ("dag", "dagar", 86_400), ("timme", "timmar", 3_600), ("minut", "minuter", 60),
    ("sekund", "sekunder", 1),
)  # fmt: skip
_MEASURES: Final = {
    "total": "handlat för minst {} sammanlagt",
    "last": "handlat för minst {} vid senaste beställningen",
    "average": "handlat för minst {} i genomsnitt",
}
_LEVELS: Final = {
    "new": "ny", "active": "aktiv", "cooling": "på väg att svalna", "dormant": "vilande",
}  # fmt: skip


def in_words(duration: timedelta) -> str:
    """Write a duration to the second: `4 timmar`, `1 dag 12 timmar`, `ingen tid`."""
    seconds = round(duration.total_seconds())
    words = []
    for one, many, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count} {one if count == 1 else many}")
    return " ".join(words) or "ingen tid"


def looking_back(within: timedelta | None) -> str:
    """Say how far back is looked: ` de senaste 30 dagarna`; nothing of all times."""
    if within is None:
        return ""
    words = in_words(within)
    return " det senaste dygnet" if words == "1 dag" else f" de senaste {words}na"


def dealing(condition: Dealing) -> tuple[str, str]:
    """Say that a condition holds, and that it does not."""
    match condition:
        case Spent():
            text = _MEASURES[condition.measure].format(_money(condition.at_least))
            return _has(text + looking_back(condition.within))
        case Ordered():
            return _times(condition, "beställt", "något")
        case Viewed():
            return _times(condition, "tittat på", "varor")
        case Breadth():
            return _has(f"beställt ur minst {condition.categories} kategorier")
        case TopShare():
            return _is(f"bland de {condition.share * 100:.0f} % av kunderna som handlat för mest")
        case EngagementIs():
            return _is(_LEVELS[condition.level])
        case ClickRate():
            back = looking_back(condition.within)
            return _has(
                f"klickat {condition.at_least} gånger eller mer på hundra reklambrev, av minst "
                f"{condition.received},{back}"
            )
        case Bounced():
            text = f"minst {condition.times} brev till kontakten har studsat"
            text += looking_back(condition.within)
            return text, f"det är inte så att {text}"


def of_orders(condition: Lapsed | NeedsAgain | OrderExpected) -> tuple[str, str]:
    """Say of what the contact's orders let expect that it holds, and that it does not."""
    match condition:
        case OrderExpected():
            soon = f"inom {in_words(condition.within)}"
            return f"nästa beställning väntas {soon}", f"nästa beställning väntas inte {soon}"
        case NeedsAgain():
            text = (
                f"behöver något igen inom {in_words(condition.ahead)}, eller har behövt det i "
                f"högst {in_words(condition.overdue)}"
            )
        case Lapsed():
            text = "har inte beställt på längre än butikens kunder brukar dröja"
    return f"kontakten {text}", f"det är inte så att kontakten {text}"


def of_entries(
    condition: InFlow | Owns | InStock | ProductInStock | PriceStands | InSegment,
) -> tuple[str, str]:
    """Say of what an entry is about that it holds, and that it does not."""
    match condition:
        case InSegment():
            return _is(f"i segmentet {condition.name}")
        case InFlow():
            return _is(f"i {condition.flow}")
        case Owns():
            return "kontakten äger varan", "kontakten äger inte varan"
        case InStock():
            return "något i kundvagnen finns i lager", "allt i kundvagnen är slutsålt"
        case ProductInStock():
            return "varan finns i lager", "varan är slutsåld"
        case PriceStands():
            return "priset har inte gått upp igen", "priset har gått upp igen"


def _has(text: str) -> tuple[str, str]:
    return f"kontakten har {text}", f"kontakten har inte {text}"


def _is(text: str) -> tuple[str, str]:
    return f"kontakten är {text}", f"kontakten är inte {text}"


def _times(condition: Ordered | Viewed, done: str, anything: str) -> tuple[str, str]:
    named = (
        ("varan", condition.product),
        ("kategorin", condition.category),
        ("märket", condition.brand),
    )
    what = " av ".join(f"{kind} {name}" for kind, name in named if name is not None) or anything
    back = looking_back(condition.within)
    if condition.times > 1:
        text = f"kontakten har {done} {what}"
        return (
            f"{text} minst {condition.times} gånger{back}",
            f"{text} färre än {condition.times} gånger{back}",
        )
    never = "aldrig" if condition.within is None else "inte"
    return f"kontakten har {done} {what}{back}", f"kontakten har {never} {done} {what}{back}"


def _money(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    text = f"{whole:,}".replace(",", "\u00a0")
    return f"{text},{rest:02}" if rest else text
