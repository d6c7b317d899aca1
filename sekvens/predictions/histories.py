"""When contacts have ordered, by the day: all that the models and the rule look at.

Two orders of one day are one purchase. Orders that were refunded or cancelled are none, and those
of merged contacts are the one's who stands.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Final, NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.events.facts import chunks
from sekvens.events.tables import Order

_ROWS_AT_ONCE: Final = 5_000
_COMPLETED: Final = "completed"


class History(NamedTuple):
    """One customer's purchases."""

    contact_id: str
    days: tuple[int, ...]  #: ordinals, each once, in order; at least one
    last_at: datetime  #: the newest order

    def until(self, day: int) -> "History | None":
        """Tell what was known at the end of a day; None: they had not ordered yet."""
        known = tuple(each for each in self.days if each <= day)
        return self._replace(days=known) if known else None


def learnt_from(session: Session, *, until: datetime, customers_max: int) -> list[History]:
    """Read the histories of customers in the order of their ids, as many as models learn from.

    Ids are random, so the first ones are as good as any. `until` is shop time.
    """
    owner = func.coalesce(Contact.merged_into, Contact.id)
    query = _orders(until).with_only_columns(owner, Order.ordered_at)
    rows = session.execute(
        query.order_by(owner, Order.ordered_at).execution_options(yield_per=_ROWS_AT_ONCE)
    )
    found = list(islice(_grouped((whose, at) for whose, at in rows), customers_max))
    rows.close()  # on PostgreSQL a cursor is open for as long as rows are left
    return found


def of_contacts(session: Session, contact_ids: Sequence[str], *, until: datetime) -> list[History]:
    """Read the histories of some canonical contacts; who never ordered is left out."""
    owners = {
        alias: whose for whose, names in known_as(session, contact_ids).items() for alias in names
    }
    rows: list[tuple[str, datetime]] = []
    for some in chunks(set(owners)):
        query = _orders(until).with_only_columns(Order.contact_id, Order.ordered_at)
        found = session.execute(query.where(Order.contact_id.in_(some)))
        rows += [(owners[alias], at) for alias, at in found]
    return list(_grouped(sorted(rows)))


def _orders(until: datetime) -> Select[str, datetime]:
    return (
        select(Order.contact_id, Order.ordered_at)
        .join(Contact, Contact.id == Order.contact_id)
        .where(Order.state == _COMPLETED, Order.ordered_at <= until, Contact.erased_at.is_(None))
    )


def _grouped(rows: Iterable[tuple[str, datetime]]) -> Iterator[History]:
    for contact_id, theirs in groupby(rows, key=itemgetter(0)):
        times = [at for _, at in theirs]
        days = tuple(dict.fromkeys(ordinal(at) for at in times))
        yield History(contact_id, days, times[-1])


def ordinal(at: datetime) -> int:
    """Number the day of an instant."""
    return at.astimezone(UTC).toordinal()


def instant(day: int) -> datetime:
    """Tell when a numbered day begins."""
    return datetime.fromordinal(day).replace(tzinfo=UTC)
