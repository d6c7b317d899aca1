"""What came of a rehearsed deploy, added up from the histories and from the local SES's log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.e2e.stack import address_of
from tests.e2e.who_worked import Ordered, Worked

OLD, NEW = "old", "new"


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What came of a deploy."""

    in_flight: int  #: enrollments under way when the new version was told to be the current one
    by_old: int  #: whose whole history is the old version's work
    by_both: int
    by_new: int
    old_code: int  #: enrollments that gave an order by the old code
    new_code: int  #: … by the new code
    both_codes: int  #: … by one after the other: begun on the old, ended on the new
    stayed: int  #: of those pinned, who were worked on by the old version after the switch
    astray: Sequence[str]  #: workflow ids whose orders are not by the code of their worker
    gate_seconds: float  #: what the replay gate took, beside the wave of e-mails
    drained_seconds: float  #: from the switch until Temporal called the old version drained
    old_works_seconds: float  #: from the switch until the last task that the old version finished
    lost: Sequence[str]  #: contacts who lack an e-mail: the second is not awaited of newcomers
    twice: Sequence[str]  #: addresses that got one of the two twice


@dataclass(frozen=True, kw_only=True)
class Switch:
    """The moment at which the new version was told to be the current one."""

    at: datetime
    in_flight: int
    gate_seconds: float


def sum_up(
    worked: Mapping[str, Worked],
    switch: Switch,
    *,
    drained_at: datetime,
    pinned: Sequence[str],
    due: Sequence[tuple[Counter[str], Sequence[str]]],
) -> Rehearsed:
    """Add it up; `due` says of each e-mail who got it how often, by address, and who had to."""
    sides = Counter(each.sides for each in worked.values())
    codes = Counter(frozenset(one.new_code for one in each.orders) for each in worked.values())
    last = max(at for each in worked.values() for build_id, at in each.tasks if build_id == OLD)
    both = codes[frozenset({False, True})]
    return Rehearsed(
        in_flight=switch.in_flight,
        by_old=sides[frozenset({OLD})],
        by_both=sides[frozenset({OLD, NEW})],
        by_new=sides[frozenset({NEW})],
        old_code=codes[frozenset({False})] + both,
        new_code=codes[frozenset({True})] + both,
        both_codes=both,
        stayed=sum(_stayed(worked[each], switch) for each in pinned),
        astray=[each for each, its in worked.items() if is_astray(its.orders)],
        gate_seconds=switch.gate_seconds,
        drained_seconds=(drained_at - switch.at).total_seconds(),
        old_works_seconds=(last - switch.at).total_seconds(),
        lost=sorted({one for mails, users in due for one in users if not mails[address_of(one)]}),
        twice=sorted({one for mails, _ in due for one, count in mails.items() if count > 1}),
    )


def is_astray(orders: Sequence[Ordered]) -> bool:
    """Tell whether an order was given by another code than that of the worker who gave it.

    What is ordered again (a held message) keeps the code by which it was ordered first.
    """
    first: dict[str, Ordered] = {}
    for one in orders:
        first.setdefault(one.summary, one)
    return any(one.new_code != (one.build_id == NEW) for one in first.values())


def _stayed(worked: Worked, switch: Switch) -> bool:
    after = [build_id for build_id, at in worked.tasks if at > switch.at]
    return after[:1] == [OLD]
