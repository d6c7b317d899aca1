"""An incentive is a variant like any other, and what it earned is told after what it cost."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from sekvens.clock import FrozenClock
from sekvens.commands.experiments import _counts
from sekvens.db.session import Database
from sekvens.events.tables import Order
from sekvens.experiments.measuring import Tally, entries_of, measure
from sekvens.experiments.plan import Plan
from sekvens.flows.builder import send
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.experimenting import REVENUE, experiment, holdout, variant
from sekvens.flows.graph import compile_flow
from sekvens.offers.tables import OfferClaim, Redemption
from sekvens.simulator.driver import run_scenario
from sekvens.simulator.scenario import read_scenario
from tests.conftest import NOON
from tests.unit.experimenting import NAME, WITHIN, Laboratory, plan, with_experiment

HOUR = timedelta(hours=1)
COSTS = {"gift": Decimal(30), "gift-by-code": Decimal(20)}
ARMS = [
    variant("free-shipping", send("free-shipping", offer="shipping")),
    variant("a-tenth", send("a-tenth", offer="tenth")),
    variant("a-gift", send("a-gift", offer="gift")),
    holdout(),
]


@pytest.fixture
def laboratory(sqlite_database: Database) -> Iterator[Laboratory]:
    return Laboratory(sqlite_database, FrozenClock(NOON))


def redeemed(laboratory: Laboratory, whose: str, offer: str, discount: str = "") -> None:
    """Let an order have carried a code."""
    with laboratory.database.write() as session:
        order = session.query(Order).filter_by(contact_id=whose).one()
        details = {"discount": discount} if discount else {}
        session.execute(update(Order).where(Order.contact_id == whose).values(details=details))
        session.add(
            Redemption(order_id=order.order_id, key=offer, offer=offer, contact_id=whose,
                       redeemed_at=NOON)
        )  # fmt: skip


def claimed(laboratory: Laboratory, whose: str, *, sent: timedelta | None = HOUR) -> None:
    """Promise a gift without a code, for three days."""
    with laboratory.database.write() as session:
        session.add(
            OfferClaim(id=f"o-{whose}", offer="gift", contact_id=whose, claimed_at=NOON,
                       sent_at=NOON + sent if sent else None,
                       expires_at=NOON + timedelta(days=3))
        )  # fmt: skip


def tally(laboratory: Laboratory, by: Plan | None = None) -> Tally:
    """Measure what those came to who drew the first variant, when all of their time is over."""
    laboratory.clock.move(WITHIN)
    with laboratory.database.read() as session:
        found = measure(
            session, by or plan(), entries_of(session, laboratory.begun(NAME)),
            now=laboratory.clock.now(), currency="SEK", costs=COSTS,
        )  # fmt: skip
    return found.tallies["plain"]


@pytest.mark.parametrize("drawn", ["none", "free-shipping", "a-tenth", "a-gift", "holdout"])
def test_none_free_shipping_a_percentage_a_gift_and_nothing_are_variants_of_one_experiment(
    drawn: str, tmp_path: Path
):
    none = variant("none", send("none"))
    step = experiment("what-it-takes", none, *ARMS, contacts=9_000, measure=REVENUE)
    story = tmp_path / "story.toml"
    story.write_text(f'flow = "cart"\nvariants = {{ what-it-takes = "{drawn}" }}')
    passage = run_scenario(compile_flow(with_experiment(steps=[step])), read_scenario(story))

    assert [step for _, step in passage.sent] == ([] if drawn == "holdout" else [drawn])


def test_a_discount_is_off_the_total_already_and_told_beside_it(laboratory: Laboratory):
    first, second, *_ = laboratory.crowd(12)["plain"]
    laboratory.order(first, second, total="90", after=HOUR)
    redeemed(laboratory, first, "tenth", discount="10.50")
    found = tally(laboratory)

    assert (found.revenue.total, found.discounts.total, found.cost.total) == (180.0, 10.5, 0.0)
    assert (found.orders.some, found.discounts.some) == (2, 1)


def test_a_discount_of_somebody_elses_is_no_cost_of_ours(laboratory: Laboratory):
    first, *_ = laboratory.crowd(12)["plain"]
    laboratory.order(first, after=HOUR)
    with laboratory.database.write() as session:
        session.execute(update(Order).values(details={"discount": "10"}))

    assert tally(laboratory).discounts.total == 0.0


def test_what_a_gift_costs_is_taken_off_once_it_went_with_an_order(laboratory: Laboratory):
    ordered, by_code, late, untold, nothing, *_ = laboratory.crowd(24)["plain"]
    laboratory.order(ordered, by_code, untold, after=2 * HOUR)
    laboratory.order(ordered, after=3 * HOUR)
    laboratory.order(late, after=timedelta(days=4))
    redeemed(laboratory, by_code, "gift-by-code")
    for whose in (ordered, late, nothing):
        claimed(laboratory, whose)
    claimed(laboratory, untold, sent=None)
    found = tally(laboratory)

    assert (found.cost.total, found.cost.some) == (50.0, 2)
    assert found.revenue.total == 5 * 100.0 - 50.0


def test_a_look_from_before_costs_were_counted_can_still_be_read(laboratory: Laboratory):
    first, *_ = laboratory.crowd(12)["plain"]
    laboratory.order(first, after=HOUR)
    told = to_json(tally(laboratory))
    without = {key: each for key, each in told.items() if key not in ("discounts", "cost")}

    assert from_json(Tally, without).revenue == from_json(Tally, told).revenue


def test_the_figures_say_what_codes_and_gifts_came_to(laboratory: Laboratory):
    first, *others = laboratory.crowd(12)["plain"]
    laboratory.order(first, total="90", after=HOUR)
    redeemed(laboratory, first, "gift-by-code", discount="10")
    laboratory.clock.move(WITHIN)
    with laboratory.database.read() as session:
        found = measure(
            session, plan(), entries_of(session, laboratory.begun(NAME)),
            now=laboratory.clock.now(), currency="SEK", costs=COSTS,
        )  # fmt: skip
    [_, line, _] = _counts(found, "SEK", laboratory.clock.now())
    count = 1 + len(others)

    assert line.strip().startswith(f"plain: {count} of {count} drawn, 0 clicked, 1 ordered, 70.00")
    assert f"after 10.00 SEK by codes ({10 / count:.2f} a contact) and 20.00 SEK as gifts" in line
