"""What the tests of experiments share: a flow with one, and contacts who have drawn in it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import Order
from sekvens.experiments.drawing import variant_of
from sekvens.experiments.looking import Looker
from sekvens.experiments.plan import Plan, of_step
from sekvens.experiments.tables import Draw, ExperimentPlan, Look
from sekvens.flows.builder import goal, send
from sekvens.flows.definition import Flow
from sekvens.flows.experimenting import experiment, variant
from sekvens.flows.lots import draw
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Experiment
from tests.unit.relaying import cart_flow

WITHIN = timedelta(days=5)
NAME = "cart/way"


def way(**changes: Any) -> Experiment:
    """Make an experiment of two variants."""
    given: dict[str, Any] = {"contacts": 400, "looks": 4} | changes
    others = given.pop("others", [variant("loud", send("loud"))])
    return experiment("way", variant("plain", send("plain")), *others, **given)


def with_experiment(**changes: Any) -> Flow:
    """Make a flow with that experiment, whose goal is an order within five days."""
    given = {"steps": [way()], "goal": goal("Order Completed", within=WITHIN)} | changes
    return cart_flow(**given)


def plan(version: int = 1, **changes: Any) -> Plan:
    """Make the plan of that experiment, as an enrollment in a version of the flow asks for it."""
    return of_step("cart", version, way(**changes), WITHIN)


class Laboratory:
    """A database with contacts, who come to the experiment and order."""

    def __init__(self, database: Database, clock: FrozenClock) -> None:
        self.database = database
        self.clock = clock

    def contacts(self, *ids: str) -> None:
        """Add contacts."""
        now = self.clock.now()
        with self.database.write() as session:
            session.add_all(Contact(id=each, created_at=now, updated_at=now) for each in ids)

    def draw(self, *ids: str, by: Plan | None = None, at: datetime | None = None) -> list[str]:
        """Let contacts come to the experiment; tell what each drew."""
        with self.database.write() as session:
            now = at or self.clock.now()
            return [variant_of(session, by or plan(), contact_id=c, now=now) for c in ids]

    def crowd(self, count: int, *, by: Plan | None = None) -> dict[str, list[str]]:
        """Let that many new contacts come; list them by what they drew."""
        with self.database.read() as session:
            known = len(session.scalars(select(Contact.id)).all())
        ids = [f"c-{number}" for number in range(known, known + count)]
        self.contacts(*ids)
        drawn: dict[str, list[str]] = {}
        for contact_id, name in zip(ids, self.draw(*ids, by=by), strict=True):
            drawn.setdefault(name, []).append(contact_id)
        return drawn

    def many(self, count: int, *, by: Plan | None = None) -> dict[str, list[str]]:
        """Let many new contacts come at once, as `crowd` does, without a query for each."""
        [first] = self.crowd(1, by=by).values()
        start, now, asked = int(first[0].removeprefix("c-")) + 1, self.clock.now(), by or plan()
        self.contacts(*(f"c-{number}" for number in range(start, start + count - 1)))
        rows = [
            Draw(
                experiment=asked.name, contact_id=f"c-{number}", round=1, drawn_at=now,
                variant=draw(asked.name, f"c-{number}", asked.weights),
            )
            for number in range(start, start + count - 1)
        ]  # fmt: skip
        groups: dict[str, list[str]] = {}
        for row in rows:
            groups.setdefault(row.variant, []).append(row.contact_id)
        groups.setdefault(self.draws()[first[0]][0], []).append(first[0])
        with self.database.write() as session:
            session.add_all(rows)
        return groups

    def order(self, *ids: str, total: str = "100", after: timedelta = WITHIN, **more: Any) -> None:
        """Let contacts order, so long from now."""
        at = self.clock.now() + after
        given = {"state": "completed", "currency": "SEK"} | more
        with self.database.write() as session:
            session.add_all(
                Order(
                    contact_id=each, order_id=f"o-{each}-{at}", total=str(Decimal(total)),
                    products=[], ordered_at=at, **given,
                )
                for each in ids
            )  # fmt: skip

    def looker(self) -> Looker:
        """Make what takes the looks that are due."""
        return Looker(
            database=self.database, clock=self.clock, shop_time=ShopTime(), currency="SEK"
        )

    def begun(self, name: str = NAME) -> ExperimentPlan:
        """Read the experiment as it was begun."""
        with self.database.read() as session:
            return session.get_one(ExperimentPlan, name)

    def draws(self) -> dict[str, tuple[str, int | None]]:
        """Tell of each contact who drew what, and in which round."""
        with self.database.read() as session:
            rows = session.scalars(select(Draw))
            return {row.contact_id: (row.variant, row.round) for row in rows}

    def looks(self) -> list[Look]:
        """List the looks that were taken."""
        with self.database.read() as session:
            return list(session.scalars(select(Look).order_by(Look.round, Look.number)))


def halves(groups: dict[str, list[str]], *, plain: float, loud: float) -> Iterable[str]:
    """Pick these parts of those who drew each variant."""
    for name, part in (("plain", plain), ("loud", loud)):
        yield from groups[name][: round(part * len(groups[name]))]
