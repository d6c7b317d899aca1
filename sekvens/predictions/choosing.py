"""The ladder: the model, below it the shop's own gaps, below them nothing; and in words why.

A model needs as much history as elsewhere in the field (500 customers, 180 days), and to have been
better than the rule on this shop's own last 90 days, kind by kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

from sekvens.audiences.figures import GAPS_MIN
from sekvens.predictions.bg_nbd import BgNbd, fit, seen_of
from sekvens.predictions.gaps import GapRule, closed_gaps, gap_rule
from sekvens.predictions.histories import History
from sekvens.predictions.judging import (
    Holdout,
    compared,
    errors_of,
    figures_of,
    hold_back,
)
from sekvens.predictions.kinds import DAYS_AHEAD, Kind, Method
from sekvens.predictions.lapsing import gaps_of, level_of, orders_of_lapsed, shops_gap

#: What a model needs (Klaviyo's gates, help 360020919731).
CUSTOMERS_MIN: Final = 500
HISTORY_DAYS_MIN: Final = 180
LAST_ORDER_DAYS_MAX: Final = 30
#: With fewer who ordered three times, whether people come back at all is guesswork.
THRICE_MIN: Final = 20

_MEASURES: Final[Mapping[Kind, str]] = {
    Kind.ORDERS: "root mean square error, orders",
    Kind.CHURN: "mean square error of the probability",
    Kind.NEXT_ORDER: "mean absolute error, days",
    Kind.LAPSE: "orders that came of each who counted as lapsed",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What predicts what, and why."""

    reason: str
    rule: GapRule | None = None
    model: BgNbd | None = None
    level: float | None = None  #: see `lapsing`
    by: Mapping[Kind, Method] = field(default_factory=dict)  #: a kind that is not there: nothing
    backtest: dict[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """Tell it as JSON, without reason and backtest."""
        return {
            "rule": self.rule and self.rule.parameters(),
            "model": self.model and self.model.parameters(),
            "level": self.level,
            "by": {kind.value: method.value for kind, method in self.by.items()},
        }


def choice_of(parameters: Mapping[str, Any], *, reason: str) -> Choice:
    """Read a choice back."""
    rule, model = parameters["rule"], parameters["model"]
    return Choice(
        reason=reason,
        rule=GapRule(lasting=tuple(rule["lasting"]), orders_each=rule["orders_each"])
        if rule
        else None,
        model=BgNbd(**model) if model else None,
        level=parameters["level"],
        by={Kind(kind): Method(method) for kind, method in parameters["by"].items()},
    )


def choose(histories: Sequence[History], *, on: int) -> Choice:
    """Learn from what was known at the end of a day (its ordinal), and choose kind by kind."""
    gaps = sum(1 for _ in closed_gaps(histories))
    if gaps < GAPS_MIN:
        return Choice(
            reason=f"nothing is predicted: {gaps} gaps between orders are known, {GAPS_MIN} are "
            "needed"
        )
    rule = gap_rule(histories, on=on)
    by_rule = dict.fromkeys((Kind.ORDERS, Kind.CHURN, Kind.NEXT_ORDER), Method.RULE)
    missing = why_no_model(histories, on=on)
    tested = None if missing else backtest(hold_back(histories, on=on - DAYS_AHEAD))
    model = fit(seen_of(histories, on=on)) if tested else None
    if tested is None or model is None:
        why = missing or f"too little was known {DAYS_AHEAD} days ago to test a model"
        return Choice(reason=f"the shop's own gaps predict: {why}", rule=rule, by=by_rule)
    gap = shops_gap(histories)
    return _chosen(rule, model, tested, level_of(model, histories, on=on, gap=gap))


def why_no_model(histories: Sequence[History], *, on: int) -> str | None:
    """Say which gate is closed to the model; None: all are open."""
    first = min(history.days[0] for history in histories)
    last = max(history.days[-1] for history in histories)
    thrice = sum(len(history.days) >= 3 for history in histories)
    if len(histories) < CUSTOMERS_MIN:
        return f"{len(histories)} customers have ordered, a model needs {CUSTOMERS_MIN}"
    if on - first < HISTORY_DAYS_MIN:
        return f"orders go back {on - first} days, a model needs {HISTORY_DAYS_MIN}"
    if on - last > LAST_ORDER_DAYS_MAX:
        return f"the newest order is {on - last} days old, {LAST_ORDER_DAYS_MAX} at the most"
    if thrice < THRICE_MIN:
        return f"{thrice} customers have ordered three times, a model needs {THRICE_MIN}"
    if not (find_spec("numpy") and find_spec("scipy")):
        return (
            "numpy and scipy are missing: "
            "`pip install --require-hashes -r requirements-predict.txt`"
        )
    return None


def backtest(held: Holdout) -> dict[str, Any] | None:
    """Hold model and rule against what came; None: too little was known then."""
    if sum(1 for _ in closed_gaps(held.known)) < GAPS_MIN:
        return None
    rule = gap_rule(held.known, on=held.on, ahead=held.ahead)
    model = fit(seen_of(held.known, on=held.on))
    if model is None:
        return None
    errors = errors_of(model, held), errors_of(rule, held)
    kinds = {
        name: compared(error, errors[1][name], _MEASURES[Kind(name)])
        for name, error in errors[0].items()
    }
    return {
        "days": held.ahead,
        "customers": len(held.known),
        "active": round(sum(bool(came) for came in held.came) / len(held.came), 4),
        "kinds": kinds | {Kind.LAPSE.value: _tested_lapse(model, held)},
        "model": figures_of(model, held),
        "rule": figures_of(rule, held),
    }


def _tested_lapse(model: BgNbd, held: Holdout) -> dict[str, Any]:
    gap = shops_gap(held.known)
    by_rule, lapsed = orders_of_lapsed([gap] * len(held.known), held)
    level = level_of(model, held.known, on=held.on, gap=gap)
    own = [gap] * len(held.known) if level is None else gaps_of(model, level, held.known)
    by_model, lapsed_by_model = orders_of_lapsed(own, held)
    told = compared(by_model, by_rule, _MEASURES[Kind.LAPSE])
    return told | {"lapsed": {"model": lapsed_by_model, "rule": lapsed}}


def _chosen(rule: GapRule, model: BgNbd, tested: dict[str, Any], level: float | None) -> Choice:
    """Take the model for the kinds at which it was better."""
    by = {Kind(kind): Method(told["chosen"]) for kind, told in tested["kinds"].items()}
    if level is None or by[Kind.LAPSE] is Method.RULE:
        del by[Kind.LAPSE]  # the rule for it is the shop's reorder gap, the same for everybody
    better = [kind.value for kind, method in by.items() if method is Method.MODEL]
    kept = [kind.value for kind in Kind if by.get(kind) is not Method.MODEL]
    if not better:
        reason = "the shop's own gaps predict: in the backtest the model was better at nothing"
    else:
        reason = f"the model predicts {', '.join(better)}"
        if kept:
            reason += f"; at {', '.join(kept)} the rule stays"
    return Choice(reason=reason, rule=rule, model=model, level=level, by=by, backtest=tested)
