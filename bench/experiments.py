"""How often an experiment finds what is not there, and how often what is: by its own rule of looks.

Contacts come day by day; each day is looked at as the scheduled workflow does it, by the product's
own code. Beside it, in the same run: naive peeking (each day, whether a single test would say so),
and a single test on the last day. Then the intervals of holdouts: how often they claim too much.
`python -m bench.experiments [--short]`
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from bench.harness import arguments, machine, say
from sekvens.experiments import intervals
from sekvens.experiments.intervals import SCORE, Amounts, amounts
from sekvens.experiments.judging import judge, look_due
from sekvens.experiments.measuring import Measured, Tally
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import contacts_for_share, contacts_in_all
from sekvens.experiments.tables import Verdict
from sekvens.flows.steps import Measure

SEED = 20261201
RUNS = 3_000
RUNS_SHORT = 60
SHARE = 0.04
#: Of the logarithm of what an order comes to: between a bookshop's and a furniture shop's.
SPREADS = (0.8, 1.2)


@dataclass(frozen=True)
class Setting:
    """One kind of experiment, and the shares of contacts who order in each variant."""

    name: str
    shares: tuple[float, ...]
    contacts: int
    looks: int
    days: int
    measure: Measure = Measure.ORDERS
    spread: float = 0.0

    @property
    def plan(self) -> Plan:
        """Make the plan."""
        return Plan(
            name=self.name,
            flow="bench",
            version=1,
            weights=tuple((f"v{number}", 1.0) for number in range(len(self.shares))),
            within=timedelta(days=5),
            measure=self.measure,
            contacts=self.contacts,
            looks=self.looks,
        )


def main() -> None:
    """Measure, and print."""
    given = arguments(__doc__ or "")
    print(machine())
    runs = RUNS_SHORT if given.short else RUNS
    _show_looks(runs)
    _show_holdouts(runs)


def _settings() -> list[Setting]:
    each = contacts_for_share(SHARE, 0.15)
    planned = contacts_in_all(each, variants=2, looks=28)
    return [
        Setting("A/A, 28 looks", (SHARE, SHARE), 22_400, 28, 28),
        Setting("A/A, 10 looks, small", (SHARE, SHARE), 4_000, 10, 60),
        Setting("A/A, 10 looks, tiny", (SHARE, SHARE), 1_000, 10, 60),
        Setting("A/A, 28 looks, 3 variants", (SHARE,) * 3, 22_400, 28, 28),
        Setting("A/A, revenue, 28 looks", (SHARE, SHARE), 22_400, 28, 28, Measure.REVENUE, 1.0),
        Setting("A/A, revenue, small", (SHARE, SHARE), 4_000, 10, 60, Measure.REVENUE, 1.2),
        Setting(f"4.0 to 4.6 %, {planned:,}", (SHARE, SHARE * 1.15), planned, 28, 28),
        Setting("4.0 to 5.0 %, 22,400", (SHARE, SHARE * 1.25), 22_400, 28, 28),
    ]


def _show_looks(runs: int) -> None:
    print(
        f"\n{'winners':<30}{'by the rule':>13}{'peeking':>10}{'at the end':>12}{'ends on day':>13}"
    )
    for setting in _settings():
        rng = random.Random(SEED)  # noqa: S311  drawn again in the same way
        say(setting.name)
        found = [_experiment(setting, rng) for _ in range(runs)]
        ours, naive, fixed = (sum(each[index] for each in found) / runs for index in range(3))
        day = sum(each[3] for each in found) / runs
        print(f"{setting.name:<30}{ours:>13.3f}{naive:>10.3f}{fixed:>12.3f}{day:>13.1f}")


def _experiment(setting: Setting, rng: random.Random) -> tuple[bool, bool, bool, int]:
    """Live through one: whether the rule, peeking and a single test find a winner; its last day."""
    plan, taken, won, peeked, ended = setting.plan, 0, False, False, setting.days
    tallies = {name: _tally(0, []) for name in plan.variants}
    fixed = False
    for day in range(1, setting.days + 1):
        share = (
            setting.contacts * day // setting.days - setting.contacts * (day - 1) // setting.days
        )
        for number, name in enumerate(plan.variants):
            part = share // len(plan.weights)
            more = _tally(part, _orders(rng, part, setting.shares[number], setting.spread))
            tallies[name] = _plus(tallies[name], more)
        fixed = _naive(plan, tallies) > SCORE
        peeked = peeked or fixed
        measured = Measured(
            drawn={name: each.contacts for name, each in tallies.items()},
            tallies=tallies,
            foreign=0,
        )
        look = plan.looks if day == setting.days else look_due(plan, measured.contacts)
        if look > taken and not won and ended == setting.days:
            taken = look
            won = judge(plan, measured, look=look).verdict is Verdict.WON
            ended = day if won else ended
    return won, peeked, fixed, ended


def _naive(plan: Plan, tallies: dict[str, Tally]) -> float:
    """Tell the largest score of any two that somebody would look at: the first, and another."""
    score: Callable[[Amounts, Amounts], float] = intervals.score_of_shares
    if plan.measure is Measure.REVENUE:
        score = intervals.score_of_means
    return max(
        abs(score(tallies[plan.first].revenue, tallies[name].revenue)) for name in plan.others
    )


def _orders(rng: random.Random, contacts: int, share: float, spread: float) -> list[float]:
    """Draw what each of those contacts orders for who orders at all."""
    return [math.exp(rng.gauss(6.0, spread)) for _ in _successes(rng, contacts, share)]


def _successes(rng: random.Random, contacts: int, share: float) -> Iterator[int]:
    """Go through those of many contacts whom something happens to, from one to the next."""
    at, step = 0, math.log1p(-share)
    while True:
        at += 1 + int(math.log(1 - rng.random()) / step)
        if at > contacts:
            return
        yield at


def _tally(contacts: int, values: list[float]) -> Tally:
    counted = Amounts(contacts=contacts, some=len(values), total=len(values), squares=len(values))
    return Tally(clicks=counted, orders=counted, revenue=amounts(contacts, values))


def _plus(one: Tally, more: Tally) -> Tally:
    def added(first: Amounts, other: Amounts) -> Amounts:
        return Amounts(
            contacts=first.contacts + other.contacts,
            some=first.some + other.some,
            total=first.total + other.total,
            squares=first.squares + other.squares,
        )

    return replace(
        one,
        clicks=added(one.clicks, more.clicks),
        orders=added(one.orders, more.orders),
        revenue=added(one.revenue, more.revenue),
    )


def _show_holdouts(runs: int) -> None:
    print(f"\n{'holdout of a tenth':<36}{'holds':>8}{'too high':>10}{'too low':>9}{'unknown':>9}")
    for spread in SPREADS:
        for contacts, lift in ((3_000, 1.0), (6_000, 1.0), (6_000, 1.3), (20_000, 1.0)):
            name = f"revenue, {contacts:,}, spread {spread}, x {lift}"
            _show_interval(name, runs, contacts, lift, spread)
    for contacts in (300, 1_000, 6_000):
        _show_interval(f"who order, {contacts:,}", runs, contacts, 1.0, 0.0)


def _show_interval(name: str, runs: int, contacts: int, lift: float, spread: float) -> None:
    rng = random.Random(SEED)  # noqa: S311  drawn again in the same way
    high = low = unknown = 0
    held, mean = contacts // 10, SHARE * math.exp(6 + spread**2 / 2)
    truth = mean * (lift - 1) if spread else 0.0
    for _ in range(runs):
        out = _tally(held, _orders(rng, held, SHARE, spread))
        treated = contacts - held
        rest = _tally(treated, _orders(rng, treated, SHARE * lift, spread))
        effect = (
            intervals.means(out.revenue, rest.revenue)
            if spread
            else intervals.shares(out.orders, rest.orders)
        )
        if effect is None:
            unknown += 1
        else:
            high, low = high + (effect.low > truth), low + (effect.high < truth)
    known = max(1, runs - unknown)
    holds = 1 - (high + low) / known
    print(f"{name:<36}{holds:>8.3f}{high / known:>10.3f}{low / known:>9.3f}{unknown / runs:>9.3f}")


if __name__ == "__main__":
    main()
