"""The backtest: what model and rule would have said 90 days ago, held against what came.

Each kind has one measure, the less the better, and it is one that rewards saying the truth: the
mean square of what an expectation missed (a mean of absolute errors rewards whoever says zero).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import Any, Protocol

from sekvens.predictions.histories import History
from sekvens.predictions.kinds import DAYS_AHEAD, Forecast, Kind, Method


class Forecaster(Protocol):
    """The model, or the rule."""

    def forecasts(
        self, histories: Sequence[History], *, on: int, ahead: int = DAYS_AHEAD
    ) -> list[Forecast]:
        """Say what is to be expected from a day on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """What was known at the end of a day, and what came in the days after it."""

    on: int  #: ordinal
    ahead: int  #: days
    known: list[History]
    came: list[int]  #: purchases of each
    first_in: list[int | None]  #: days until the first of them


def hold_back(histories: Sequence[History], *, on: int, ahead: int = DAYS_AHEAD) -> Holdout:
    """Cut histories after a day; who had not ordered by then is left out."""
    known, came, first_in = [], [], []
    for history in histories:
        past = history.until(on)
        if past is None:
            continue
        later = [day - on for day in history.days if on < day <= on + ahead]
        known.append(past)
        came.append(len(later))
        first_in.append(later[0] if later else None)
    return Holdout(on=on, ahead=ahead, known=known, came=came, first_in=first_in)


def errors_of(forecaster: Forecaster, held: Holdout) -> dict[str, float]:
    """Tell the measure of each kind that a forecaster speaks of, by the kind's name."""
    said = forecaster.forecasts(held.known, on=held.on, ahead=held.ahead)
    missed = [each.orders - came for each, came in zip(said, held.came, strict=True)]
    unsure = [each.churn - (not came) for each, came in zip(said, held.came, strict=True)]
    late = [
        abs(each.next_in - first)
        for each, first in zip(said, held.first_in, strict=True)
        if first is not None
    ]
    return {
        Kind.ORDERS.value: fmean(each * each for each in missed) ** 0.5,
        Kind.CHURN.value: fmean(each * each for each in unsure),
        Kind.NEXT_ORDER.value: fmean(late) if late else 0.0,
    }


def figures_of(forecaster: Forecaster, held: Holdout) -> dict[str, float]:
    """Tell what is printed beside the measures: total, mean absolute error, and the ranking."""
    said = [each.orders for each in forecaster.forecasts(held.known, on=held.on, ahead=held.ahead)]
    total = sum(held.came)
    return {
        "total": round(sum(said) / total - 1, 4) if total else 0.0,
        "mae": round(fmean(abs(a - b) for a, b in zip(said, held.came, strict=True)), 4),
        "auc": round(ranking(said, [bool(came) for came in held.came]), 4),
    }


def ranking(values: Sequence[float], are_right: Sequence[bool]) -> float:
    """Tell how likely one that is right has the greater value than one that is not (AUC)."""
    right = sum(are_right)
    wrong = len(are_right) - right
    if not right or not wrong:
        return 0.5
    ranked, rank_sum, before = sorted(zip(values, are_right, strict=True)), 0.0, 0
    for _, equal in groupby(ranked, key=itemgetter(0)):
        flags = [flag for _, flag in equal]
        rank_sum += sum(flags) * (before + (len(flags) + 1) / 2)
        before += len(flags)
    return (rank_sum - right * (right + 1) / 2) / (right * wrong)


def compared(model: float, rule: float, measure: str) -> dict[str, Any]:
    """Tell both measures of a kind, and which is trusted: the model only where it is better."""
    method = Method.MODEL if model < rule else Method.RULE
    return {
        "measure": measure,
        "model": round(model, 4),
        "rule": round(rule, 4),
        "chosen": method.value,
    }
