"""What is next best, as a subject of runs: every customer's rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.next_best.belongings import learnt_from, of_contacts
from sekvens.next_best.choosing import knowledge_of, learn_from, next_best
from sekvens.next_best.tables import NextBest
from sekvens.predictions.expecting import LEARNT_FROM_MAX
from sekvens.predictions.histories import instant, ordinal
from sekvens.predictions.runs import Learnt
from sekvens.predictions.tables import PredictionModel
from sekvens.products.tables import Product


class NextBestProducts:
    """What each customer is likely to want next."""

    name = "next_best"

    def learn(self, session: Session, *, as_of: datetime) -> Learnt:
        """Learn what goes together, as of an instant of shop time."""
        customers = learnt_from(session, until=as_of, customers_max=LEARNT_FROM_MAX)
        knowledge, told, reason = learn_from(customers, on=ordinal(as_of))
        return Learnt(parameters=knowledge.parameters(), backtest=told, reason=reason)

    def work_out(
        self, session: Session, run: PredictionModel, contact_ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Make the rows of some contacts; who never ordered has none."""
        knowledge = knowledge_of(run.parameters)
        sold_out = set(session.scalars(select(Product.id).where(Product.in_stock.is_(False))))
        return [
            {
                "contact_id": theirs.contact_id,
                "place": place,
                "product_id": each.product_id,
                "why": each.why.value,
                "because_of": each.because_of,
                "due_on": each.due_on and instant(each.due_on),
                "version": run.id,
                "computed_at": run.as_of,
            }
            for theirs in of_contacts(session, contact_ids, until=run.as_of)
            if theirs.bought
            for place, each in enumerate(
                next_best(knowledge, theirs, on=ordinal(run.as_of), sold_out=sold_out), start=1
            )
        ]

    def keep(
        self, session: Session, contact_ids: Sequence[str], rows: Sequence[dict[str, Any]]
    ) -> int:
        """Put rows in the place of older ones."""
        for some in chunks(contact_ids):
            session.execute(delete(NextBest).where(NextBest.contact_id.in_(some)))
        if rows:
            session.execute(insert(NextBest), rows)
        return len({row["contact_id"] for row in rows})

    def drop_older(self, session: Session, version: int) -> None:
        """Delete what earlier runs have left of contacts who are not looked at any more."""
        session.execute(delete(NextBest).where(NextBest.version < version))
