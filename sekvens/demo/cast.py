"""Who is in the demo's story: invented people with the purchases of real customers of CDNOW.

The data set follows everybody who first bought in the first quarter of 1997 for eighteen months. So
the story looks into it at two places: newcomers from its beginning on, and those who have known the
shop for long from nine months later on. The gaps between somebody's purchases are the real ones.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sekvens.demo.people import Person, invent_people
from sekvens.demo.purchases import Purchase

#: Day 0 of the story for newcomers; the data set's purchases begin on the first of January.
STARTS_ON = date(1996, 12, 30)
#: … and for those who come with a past.
LATER_ON = date(1997, 10, 1)
#: The first purchases of newcomers lie on these many days, three people in two days: more would be
#: more than a laptop sends in days of two seconds.
FIRST_PURCHASE_DAYS = 24
#: Then so many more come, one every other day: whoever opens the dashboard after some minutes finds
#: a shop that is busy, and no more than a laptop sends.
LATER_COUNT = 30
#: Nobody who bought within so many days counts as somebody whom we have not seen for long.
LONG_DAYS = 185


class Role(StrEnum):
    """How somebody comes into the story."""

    NEWCOMER = "newcomer"  #: hears of the shop now, and buys for the first time
    REGULAR = "regular"  #: has bought for months, and does so again in the first days
    LAPSED = "lapsed"  #: bought once upon a time, and never again
    RETURNING = "returning"  #: the same, but comes back after all
    SILENT = "silent"  #: wanted our e-mails once, and has never bought
    LOOKER = "looker"  #: signs up, fills a cart, and never buys


#: How many come with a past; with the newcomers the buyers are eighty.
PAST_ROLES = {Role.REGULAR: 5, Role.RETURNING: 2, Role.LAPSED: 7}
SILENT_COUNT = 5
LOOKERS_COUNT = 14


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """One of the cast: an invented person with somebody's real purchases, or with none."""

    number: int
    person: Person
    role: Role
    purchases: tuple[Purchase, ...]

    @property
    def user_id(self) -> str:
        """What the shop calls them."""
        if not self.purchases:
            return f"subscriber-{self.number}"
        return f"customer-{self.purchases[0].customer_id}"

    @property
    def days(self) -> list[int]:
        """The days of the story on which they buy; negative ones are past."""
        starts_on = STARTS_ON if self.role is Role.NEWCOMER else LATER_ON
        return [(purchase.day - starts_on).days for purchase in self.purchases]


def choose_cast(purchases: Sequence[Purchase]) -> list[Buyer]:
    """Choose eighty buyers, and those who never buy.

    Each of the first days brings a newcomer who returned later, and every other day one who did
    not. They stand first, in the order of first purchases, and those who come later stand last.
    """
    by_customer: dict[str, list[Purchase]] = defaultdict(list)
    for purchase in purchases:
        if purchase.dollars > 0:  # a few lines of the data set are gifts
            by_customer[purchase.customer_id].append(purchase)
    chosen = [(Role.NEWCOMER, bought) for bought in _newcomers(by_customer.values())]
    taken = {bought[0].customer_id for _, bought in chosen}
    left = [bought for customer_id, bought in by_customer.items() if customer_id not in taken]
    for role, count in PAST_ROLES.items():
        fitting = [bought for bought in left if _FITS[role](_later_days(bought))]
        chosen += [(role, bought) for bought in fitting[:count]]
    chosen += [(Role.SILENT, [])] * SILENT_COUNT + [(Role.LOOKER, [])] * LOOKERS_COUNT
    taken = {bought[0].customer_id for _, bought in chosen if bought}
    left = [bought for bought in left if bought[0].customer_id not in taken]
    chosen += [(Role.NEWCOMER, bought) for bought in _later_newcomers(left)]
    return [
        Buyer(number=number, person=person, role=role, purchases=tuple(bought))
        for number, (person, (role, bought)) in enumerate(zip(invent_people(), chosen, strict=True))
    ]


def _newcomers(customers: Iterable[list[Purchase]]) -> list[list[Purchase]]:
    first_of_kind: dict[tuple[date, bool], list[Purchase]] = {}
    for bought in customers:
        first_of_kind.setdefault((bought[0].day, len(bought) > 1), bought)
    days = sorted({day for day, _ in first_of_kind})[:FIRST_PURCHASE_DAYS]
    kinds = [
        (day, returned)
        for number, day in enumerate(days)
        for returned in ((True, False) if number % 2 == 0 else (True,))
    ]
    return [first_of_kind[kind] for kind in kinds if kind in first_of_kind]


def _later_newcomers(customers: Iterable[list[Purchase]]) -> list[list[Purchase]]:
    """Choose somebody who returned for every other day after the first ones."""
    first_of_day: dict[date, list[Purchase]] = {}
    for bought in customers:
        if len(bought) > 1:
            first_of_day.setdefault(bought[0].day, bought)
    days = sorted(first_of_day)[FIRST_PURCHASE_DAYS::2]
    return [first_of_day[day] for day in days[:LATER_COUNT]]


def _later_days(bought: Sequence[Purchase]) -> list[int]:
    return [(purchase.day - LATER_ON).days for purchase in bought]


def _is_regular(days: Sequence[int]) -> bool:
    """Bought twice in the months before, once in the first week, and not soon after that."""
    return (
        sum(-120 < day < -5 for day in days) >= 2
        and sum(1 <= day <= 8 for day in days) == 1
        and not any(-5 <= day < 1 or 8 < day <= 34 for day in days)
    )


def _is_lapsed(days: Sequence[int]) -> bool:
    return len(days) >= 2 and days[-1] < -LONG_DAYS


def _is_returning(days: Sequence[int]) -> bool:
    """Was away for long, and comes back in the second week, when winback has begun."""
    return days[0] < -LONG_DAYS and next(
        (9 <= day <= 16 for day in days if day >= -LONG_DAYS), False
    )


_FITS: Mapping[Role, Callable[[Sequence[int]], bool]] = {
    Role.REGULAR: _is_regular,
    Role.LAPSED: _is_lapsed,
    Role.RETURNING: _is_returning,
}
