"""What is next best for a contact, and whether what goes together says more than what is popular.

First what they need again: bought at least three times, or often enough by others, and its rhythm
says that it is time. Then what goes with what they have, where that has hit more often than the
most popular products on the shop's own last 90 days; else those.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from typing import Any, Final

from sekvens.next_best.belongings import Belongings
from sekvens.next_best.goes_with import GoesWith, hits, learn, popularity
from sekvens.next_best.tables import Why
from sekvens.predictions.kinds import DAYS_AHEAD

SHOWN_MAX: Final = 5
POPULAR_MAX: Final = 50
HITS_AT: Final = 10
#: Contacts with two products at the least: with fewer, what goes together is chance.
PAIRED_MIN: Final = 200
#: Gaps between purchases of one product by anybody, before the shop's own rhythm of it is known.
GAPS_MIN: Final = 20
#: … and by one contact, before theirs is.
OWN_GAPS_MIN: Final = 2
#: It is time at this part of the rhythm; long after it they have found another.
DUE_FROM, DUE_UNTIL = 0.8, 3.0


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What was learnt from all customers."""

    popular: Sequence[str] = ()
    rhythms: Mapping[str, float] = field(default_factory=dict)  #: product -> days between purchases
    goes_with: GoesWith | None = None  #: None: the most popular products say more

    def parameters(self) -> dict[str, Any]:
        """Tell it as JSON."""
        return {
            "popular": list(self.popular),
            "rhythms": dict(self.rhythms),
            "goes_with": self.goes_with and self.goes_with.parameters(),
        }


@dataclass(frozen=True, kw_only=True)
class Next:
    """One product, and why."""

    product_id: str
    why: Why
    because_of: str | None = None
    due_on: int | None = None  #: of what they need again: ordinal of the day


def knowledge_of(parameters: Mapping[str, Any]) -> Knowledge:
    """Read it back."""
    weights = parameters["goes_with"]
    return Knowledge(
        popular=parameters["popular"],
        rhythms=parameters["rhythms"],
        goes_with=GoesWith(weights=weights) if weights else None,
    )


def learn_from(
    customers: Sequence[Belongings], *, on: int
) -> tuple[Knowledge, dict[str, Any], str]:
    """Learn from what was known at the end of a day; tell the backtest, and the reason."""
    sets = [list(each.bought) for each in customers]
    plain = Knowledge(popular=popularity(sets)[:POPULAR_MAX], rhythms=rhythms_of(customers))
    missing = why_not(customers)
    if missing:
        return plain, {}, f"the most popular products are next best: {missing}"
    told = backtest(customers, on=on)
    if not told["model"] > told["popularity"]:
        why = "in the backtest what goes together hit no more often"
        return plain, told, f"the most popular products are next best: {why}"
    knowledge = Knowledge(popular=plain.popular, rhythms=plain.rhythms, goes_with=learn(sets))
    return knowledge, told, "what goes with what they have is next best"


def why_not(customers: Sequence[Belongings]) -> str | None:
    """Say what keeps us from learning what goes together; None: nothing."""
    paired = sum(len(each.bought) > 1 for each in customers)
    if paired < PAIRED_MIN:
        return f"{paired} customers have two products, {PAIRED_MIN} are needed"
    if not (find_spec("numpy") and find_spec("scipy")):
        return (
            "numpy and scipy are missing: "
            "`pip install --require-hashes -r requirements-predict.txt`"
        )
    return None


def backtest(customers: Sequence[Belongings], *, on: int) -> dict[str, Any]:
    """Hold what goes together, and what is popular, against what was new in the last 90 days."""
    before = [each.until(on - DAYS_AHEAD) for each in customers]
    pairs = [
        (list(had.bought), new)
        for had, now in zip(before, customers, strict=True)
        if had.bought and (new := now.bought.keys() - had.bought.keys())
    ]
    sets = [list(each.bought) for each in before if each.bought]
    model, popular = learn(sets), popularity(sets)
    wanted = [new for _, new in pairs]
    ranked = [_filled(_ranked(model.scores(have)), popular, have) for have, _ in pairs]
    by_popularity = [_filled([], popular, have) for have, _ in pairs]
    return {
        "days": DAYS_AHEAD,
        "customers": len(pairs),
        "model": round(hits(ranked, wanted, at=HITS_AT), 4),
        "popularity": round(hits(by_popularity, wanted, at=HITS_AT), 4),
    }


def next_best(
    knowledge: Knowledge, theirs: Belongings, *, on: int, sold_out: Collection[str] = ()
) -> list[Next]:
    """List what is next best for a contact on a day, the best first."""
    out = theirs.unwanted | set(sold_out)
    found = [
        Next(product_id=each, why=Why.AGAIN, due_on=day)
        for each, day in due(knowledge, theirs, on=on).items()
        if each not in out
    ]
    out |= theirs.bought.keys()
    scores = knowledge.goes_with.scores(theirs.bought.keys()) if knowledge.goes_with else {}
    for each in _ranked(scores):
        if each not in out and knowledge.goes_with is not None:
            because_of = knowledge.goes_with.because_of(each, theirs.bought.keys())
            found.append(Next(product_id=each, why=Why.GOES_WITH, because_of=because_of))
    out |= scores.keys()
    found += [
        Next(product_id=each, why=Why.POPULAR) for each in knowledge.popular if each not in out
    ]
    return found[:SHOWN_MAX]


def due(knowledge: Knowledge, theirs: Belongings, *, on: int) -> dict[str, int]:
    """Tell what they need again and on which day, what they bought most often first."""
    found: dict[str, int] = {}
    for product_id, days in theirs.bought.items():
        own = [later - day for day, later in pairwise(days)]
        rhythm = median(own) if len(own) >= OWN_GAPS_MIN else knowledge.rhythms.get(product_id)
        if rhythm and DUE_FROM <= (on - days[-1]) / rhythm <= DUE_UNTIL:
            found[product_id] = days[-1] + round(rhythm)
    often = sorted(found, key=lambda each: (-len(theirs.bought[each]), each))
    return {product_id: found[product_id] for product_id in often}


def rhythms_of(customers: Sequence[Belongings]) -> dict[str, float]:
    """Tell the median of the days between purchases, of products that are bought again."""
    gaps: defaultdict[str, list[int]] = defaultdict(list)
    for each in customers:
        for product_id, days in each.bought.items():
            gaps[product_id] += [later - day for day, later in pairwise(days)]
    return {
        product_id: float(median(found))
        for product_id, found in sorted(gaps.items())
        if len(found) >= GAPS_MIN
    }


def _ranked(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda each: (-scores[each], each))


def _filled(ranked: Sequence[str], popular: Sequence[str], have: Collection[str]) -> list[str]:
    """Name the first few, and after them the most popular ones."""
    left = [each for each in (*ranked, *popular[: HITS_AT + len(have)]) if each not in have]
    return list(dict.fromkeys(left))[:HITS_AT]
