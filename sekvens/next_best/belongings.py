"""What contacts have bought, by the day and product, and what they do not want.

Variants count as their product, and merged contacts as the one who stands.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.events.facts import chunks
from sekvens.events.schema import PRODUCT_REMOVED
from sekvens.events.tables import ContactEvent
from sekvens.flows.keys import key_of
from sekvens.next_best.refusals import refused_by
from sekvens.predictions.histories import ordinal
from sekvens.products.queries import product_ids_of
from sekvens.products.tables import OrderLine, ProductVariant

_ROWS_AT_ONCE: Final = 5_000
_COMPLETED: Final = "completed"
#: contact, product, state of the order, day
_Line: TypeAlias = tuple[str, str, str, int]


@dataclass(kw_only=True)
class Belongings:
    """One contact's."""

    contact_id: str
    bought: dict[str, list[int]] = field(default_factory=dict)  #: product -> ordinals, in order
    #: sent back, cancelled, refused; taken out of the cart and never bought
    unwanted: set[str] = field(default_factory=set)

    def until(self, day: int) -> "Belongings":
        """Tell what they had bought by the end of a day."""
        had = {each: [at for at in days if at <= day] for each, days in self.bought.items()}
        kept = {each: days for each, days in had.items() if days}
        return Belongings(contact_id=self.contact_id, bought=kept, unwanted=self.unwanted)


def learnt_from(session: Session, *, until: datetime, customers_max: int) -> list[Belongings]:
    """Read what customers have, in the order of their ids. `until` is shop time."""
    owner = func.coalesce(Contact.merged_into, Contact.id)
    rows = session.execute(
        _lines(until, owner).order_by(owner).execution_options(yield_per=_ROWS_AT_ONCE)
    )
    lines = ((whose, what, state, ordinal(at)) for whose, what, state, at in rows)
    found = list(islice(_grouped(lines), customers_max))
    rows.close()  # on PostgreSQL a cursor is open for as long as rows are left
    return found


def of_contacts(
    session: Session, contact_ids: Sequence[str], *, until: datetime
) -> list[Belongings]:
    """Read what some canonical contacts have and do not want; who has never ordered is left out."""
    owners = {
        alias: whose for whose, names in known_as(session, contact_ids).items() for alias in names
    }
    lines: list[_Line] = []
    removed: defaultdict[str, set[str]] = defaultdict(set)
    for some in chunks(set(owners)):
        rows = session.execute(_lines(until, Contact.id).where(Contact.id.in_(some)))
        lines += [(owners[whose], what, state, ordinal(at)) for whose, what, state, at in rows]
        for whose, what in _removed(session, some, until):
            removed[owners[whose]].add(what)
    refused = refused_by(session, owners, until=until)
    named = {what for found in (*removed.values(), *refused.values()) for what in found}
    own = product_ids_of(session, named)
    theirs = list(_grouped(sorted(lines)))
    for each in theirs:
        each.unwanted |= {own[what] for what in removed[each.contact_id]} - each.bought.keys()
        each.unwanted |= {own[what] for what in refused.get(each.contact_id, ())}
    return theirs


def _removed(
    session: Session, contact_ids: Collection[str], until: datetime
) -> Iterator[tuple[str, str]]:
    asked = select(ContactEvent.contact_id, ContactEvent.properties).where(
        ContactEvent.contact_id.in_(contact_ids),
        ContactEvent.name == PRODUCT_REMOVED,
        ContactEvent.occurred_at <= until,
    )
    for whose, said in session.execute(asked):
        if whose is not None and said.get("product_id") is not None:
            yield whose, key_of(said["product_id"])


def _lines(until: datetime, owner: Any) -> Select[Any]:
    product_id = func.coalesce(ProductVariant.product_id, OrderLine.product_id)
    return (
        select(owner, product_id, OrderLine.state, OrderLine.ordered_at)
        .select_from(OrderLine)
        .join(Contact, Contact.id == OrderLine.contact_id)
        .outerjoin(ProductVariant, ProductVariant.id == OrderLine.product_id)
        .where(OrderLine.ordered_at <= until, Contact.erased_at.is_(None))
    )


def _grouped(lines: Iterable[_Line]) -> Iterator[Belongings]:
    for contact_id, theirs in groupby(lines, key=itemgetter(0)):
        found = Belongings(contact_id=contact_id)
        days: defaultdict[str, set[int]] = defaultdict(set)
        for _, product_id, state, day in theirs:
            if state == _COMPLETED:
                days[product_id].add(day)
            else:
                found.unwanted.add(product_id)
        found.bought = {product_id: sorted(own) for product_id, own in sorted(days.items())}
        yield found
