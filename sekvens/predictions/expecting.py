"""Orders to come, as a subject of runs: every customer's rows, by the method that is trusted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.predictions.choosing import Choice, choice_of, choose
from sekvens.predictions.histories import History, learnt_from, of_contacts, ordinal
from sekvens.predictions.kinds import DAYS_AHEAD, Forecast, Kind, Method
from sekvens.predictions.lapsing import gaps_of
from sekvens.predictions.runs import Learnt
from sekvens.predictions.tables import Prediction, PredictionModel

#: Customers whom a model learns from: more make it slower and no better.
LEARNT_FROM_MAX: Final = 50_000


class ExpectedOrders:
    """What each customer is expected to order."""

    name = "orders"

    def learn(self, session: Session, *, as_of: datetime) -> Learnt:
        """Choose between model and rule, as of an instant of shop time."""
        histories = learnt_from(session, until=as_of, customers_max=LEARNT_FROM_MAX)
        choice = choose(histories, on=ordinal(as_of))
        return Learnt(
            parameters=choice.parameters(), backtest=choice.backtest, reason=choice.reason
        )

    def work_out(
        self, session: Session, run: PredictionModel, contact_ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Make the rows of some contacts; who never ordered has none."""
        choice = choice_of(run.parameters, reason=run.reason)
        if not choice.by:
            return []
        histories = of_contacts(session, contact_ids, until=run.as_of)
        shared = {"version": run.id, "computed_at": run.as_of}
        return [row | shared for row in rows_of(choice, histories, as_of=run.as_of)]

    def keep(
        self, session: Session, contact_ids: Sequence[str], rows: Sequence[dict[str, Any]]
    ) -> int:
        """Put rows in the place of older ones."""
        for some in chunks(contact_ids):
            session.execute(delete(Prediction).where(Prediction.contact_id.in_(some)))
        if rows:
            session.execute(insert(Prediction), rows)
        return len({row["contact_id"] for row in rows})

    def drop_older(self, session: Session, version: int) -> None:
        """Delete what earlier runs have left of contacts who are not looked at any more."""
        session.execute(delete(Prediction).where(Prediction.version < version))


def rows_of(
    choice: Choice, histories: Sequence[History], *, as_of: datetime
) -> list[dict[str, Any]]:
    """Make the rows of customers, without version."""
    if not histories:
        return []
    on, rows = ordinal(as_of), list[dict[str, Any]]()
    by_method: dict[Method, list[Forecast]] = {}
    for method, forecaster in ((Method.RULE, choice.rule), (Method.MODEL, choice.model)):
        if forecaster is not None:
            by_method[method] = forecaster.forecasts(histories, on=on)
    lapses = [0] * len(histories)
    if Kind.LAPSE in choice.by and choice.model is not None and choice.level is not None:
        lapses = gaps_of(choice.model, choice.level, histories)
    for number, history in enumerate(histories):
        for kind, method in choice.by.items():
            told = by_method[method][number]
            value, falls_on = _said(kind, told, as_of)
            if kind is Kind.LAPSE:
                falls_on = history.last_at + timedelta(days=lapses[number])
            rows.append(
                {
                    "contact_id": history.contact_id,
                    "kind": kind.value,
                    "value": value,
                    "falls_on": falls_on,
                    "method": method.value,
                }
            )
    return rows


def _said(kind: Kind, told: Forecast, as_of: datetime) -> tuple[float | None, datetime | None]:
    match kind:
        case Kind.ORDERS:
            return round(told.orders, 4), None
        case Kind.CHURN:
            return round(told.churn, 4), None
        case Kind.NEXT_ORDER:
            return None, as_of + timedelta(days=min(told.next_in, DAYS_AHEAD))
        case Kind.LAPSE:
            return None, None
