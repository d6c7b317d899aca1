"""Real purchases and ratings for the tests of predictions, and shops that have them.

The files are data of packages that are installed and never imported, or copied.
"""

import importlib.metadata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.demo.purchases import purchases_file, read_purchases
from sekvens.events.tables import Order
from sekvens.predictions.histories import History
from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.tables import Prediction, PredictionModel
from sekvens.segments.figures import Foretold
from tests.conftest import NOON

#: The first 39 weeks of CDNOW, and the 39 after them.
CDNOW_CUT, CDNOW_AHEAD = date(1997, 9, 30).toordinal(), 39 * 7
CDNOW_END = date(1998, 6, 30).toordinal()


def data_file(package: str, name: str) -> Path:
    """Find a data file among those of an installed package, by its name or the end of its path."""
    files = importlib.metadata.distribution(package).files or []
    return next(Path(str(file.locate())) for file in files if file.match(name))


@cache
def cdnow() -> tuple[History, ...]:
    """The purchases of all customers of CDNOW, by the day."""
    days: dict[str, list[int]] = {}
    for purchase in read_purchases(purchases_file()):
        days.setdefault(purchase.customer_id, []).append(purchase.day.toordinal())
    return tuple(history_of(whose, own) for whose, own in sorted(days.items()))


def history_of(contact_id: str, days: Iterable[int]) -> History:
    """A customer who bought on these days."""
    own = tuple(sorted(set(days)))
    return History(contact_id, own, datetime.fromordinal(own[-1]).replace(tzinfo=UTC))


def store_orders(
    database: Database, histories: Sequence[History], *, last_day: int, state: str = "completed"
) -> None:
    """Write customers and their orders down, as if the last day were that of `NOON`."""
    shift = NOON.toordinal() - last_day
    told = {"traits": {}, "traits_at": {}, "created_at": NOON, "updated_at": NOON}
    rows = [
        {"contact_id": each.contact_id, "order_id": f"{each.contact_id}-{day}", "products": [],
         "details": {}, "state": state, "ordered_at": at, "updated_at": at}
        for each in histories
        for day in each.days
        for at in [datetime.fromordinal(day + shift).replace(tzinfo=UTC)]
    ]  # fmt: skip
    with database.write() as session:
        session.execute(insert(Contact), [{"id": each.contact_id, **told} for each in histories])
        session.execute(insert(Order), rows)


def store_foretold(
    session: Session,
    contact_id: str,
    kind: Kind,
    day: Foretold | None,
    *,
    method: Method = Method.MODEL,
) -> None:
    """Write down what is foretold of a contact, as a run would; nothing of None."""
    if day is None:
        return
    run = PredictionModel(
        subject="orders", as_of=day.predicted_on, parameters={}, backtest={}, reason=""
    )
    session.add(run)
    session.flush()
    session.add(
        Prediction(
            contact_id=contact_id, kind=kind, value=None, falls_on=day.falls_on,
            method=method, version=run.id, computed_at=day.predicted_on,
        )
    )  # fmt: skip
    session.flush()
