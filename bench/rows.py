"""The rows of a shop with so many messages, generated in PostgreSQL itself.

`MAIL` is what metrics are counted from. `LIFE` is the rest of what a shop's database holds, each in
proportion to the messages: what contacts did, ordered and wrote, what they drew, what waits.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Index, text
from sqlalchemy.orm import Session

from bench.harness import say
from bench.rows_of_life import LIFE
from bench.rows_of_mail import MAIL
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.publish import PublishedFlow, live_flow, publish
from sekvens.experiments.plan import Plan, of_flow
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import to_json
from sekvens.flows.segments import SEGMENTS
from sekvens.flows.steps import Measure, Send
from sekvens.messages import templates
from sekvens.messages.holds import HeldBy
from sekvens.messages.verdicts import why_held
from sekvens.settings import load_settings

#: Of so many flows of the catalogue, its first, messages are generated.
FLOWS: Final = 15
#: So many steps of each have messages.
STEPS: Final = 3
#: How much the first variant of each experiment differs is nobody's matter here.
_VARIANTS: Final = (("plain", 1.0), ("loud", 1.0))


@dataclass(frozen=True, kw_only=True)
class Shop:
    """How much there is of everything: so many messages, sent over so many days until `now`."""

    messages: int
    days: int
    now: datetime

    @property
    def first(self) -> datetime:
        """When the first message was sent."""
        return self.now - timedelta(days=self.days)


def fill(database: Database, shop: Shop, statements: Mapping[str, str]) -> None:
    """Write the rows of some statements, by table, into an empty database with the schema.

    The catalogue is published in two versions, so that half of the enrollments are in each.
    """
    _hasten(database)
    with database.write() as session:
        given = _given(shop, _publish(session, shop))
    with _without_indexes(database, statements), database.write() as session:
        # What is generated refers to what is there: looking that up would take most of the time.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table, statement in statements.items():
            say(f"{table}, for {shop.messages:,} messages")
            for each in statement.split(";"):
                session.execute(text(each), given)
    vacuum(database)


def vacuum(database: Database) -> None:
    """Let PostgreSQL know how much there is of what."""
    say("vacuum and analyze")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _hasten(database: Database) -> None:
    """Let the server write as it likes: what is generated can be generated again."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("ALTER SYSTEM SET max_wal_size = '8GB'"))
        connection.execute(text("SELECT pg_reload_conf()"))


def _publish(session: Session, shop: Shop) -> list[PublishedFlow]:
    store = partial(templates.store, content=templates.CONTENT)
    for flow in CATALOGUE:
        for version in (flow.version, flow.version + 1):
            numbered = replace(flow, version=version)
            publish(session, numbered, now=shop.first, store_templates=store)
    return [live_flow(session, flow.name) for flow in CATALOGUE[:FLOWS]]


def _given(shop: Shop, flows: Collection[PublishedFlow]) -> dict[str, Any]:
    """Tell what the statements ask for. Of arrays there is one element for each flow, or step."""
    sends = [(flow, step) for flow in flows for step in _three_steps(flow)]
    named = [flow.flow.template_of(step) for flow, step in sends]
    plan = Plan(
        name="way", flow=None, version=1, weights=_VARIANTS, within=timedelta(days=5),
        measure=Measure.ORDERS, contacts=max(100, shop.messages // 50), looks=10,
    )  # fmt: skip
    holdout = of_flow(replace(CATALOGUE[1], holdout=0.1))
    return {
        "n": shop.messages,
        "now": shop.now,
        "first": shop.first,
        "step": timedelta(days=shop.days - 2) / shop.messages,
        "f": len(flows),
        "flows": [flow.flow.name for flow in flows],
        "versions": [flow.flow.version for flow in flows],
        "steps": [step.id for _, step in sends],
        "templates": named,
        "digests": [flow.templates[name] for (flow, _), name in zip(sends, named, strict=True)],
        "segments": [segment.name for segment in SEGMENTS],
        "segment_count": len(SEGMENTS),
        "offers": [*load_settings({}).shop.offers],
        "held": [why_held(by) for by in (HeldBy.MANUAL, HeldBy.BREAKER, HeldBy.DAILY_QUOTA)],
        "plan": json.dumps(to_json(plan)),
        "holdout": json.dumps(to_json(holdout)),
    }


def _three_steps(flow: PublishedFlow) -> list[Send]:
    """Name steps that send; a flow that has fewer has the same one again under other names."""
    found = [step for step in flow.graph.steps.values() if isinstance(step, Send)]
    template = flow.flow.template_of(found[0])
    more = [replace(found[0], id=f"{found[0].id}-{n}", template=template) for n in (2, 3)]
    return [*found, *more][:STEPS]


@contextmanager
def _without_indexes(database: Database, tables: Collection[str]) -> Iterator[None]:
    """Fill tables without their indexes, and make these afterwards."""
    filled: list[Index] = [index for name in tables for index in metadata.tables[name].indexes]
    for index in filled:
        index.drop(database.engine)
    yield
    for index in filled:
        say(f"index {index.name}")
        index.create(database.engine)


__all__ = ["FLOWS", "LIFE", "MAIL", "Shop", "fill", "vacuum"]
