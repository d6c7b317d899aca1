"""Looking ahead: what today's real contacts would get in the next days, if nobody did anything.

It only reads. Who is under way goes on from where their row says they stand, scans find whom they
would find, and nobody orders, clicks or leaves: so it is the most that may come.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import (
    Contact,
)
from sekvens.db.session import Database
from sekvens.enrollments.publish import live_flows, pinned_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.graph import Graph
from sekvens.flows.steps import ExitReason, Send
from sekvens.modes.setting import all_by_hand
from sekvens.predictions.kinds import Kind
from sekvens.products.queries import sold_out
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.segments.figures import foretold, reorder_gap
from sekvens.segments.tables import ShopFigure
from sekvens.settings import Settings
from sekvens.simulator.life import Life
from sekvens.simulator.moments import Lived, Stay
from sekvens.simulator.passage import Passage, Unwritten
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Person, Story
from sekvens.simulator.telling import Outcome, tell
from sekvens.simulator.today import Today, read_today

#: Contacts read at once.
WINDOW: Final = 500


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What would come, and what SES lets the account send."""

    outcome: Outcome
    busiest_day: int  #: e-mails on the date (UTC) on which the most leave
    send_rate_max: float | None  #: messages a second; None: SES has not told yet
    day_max: float | None  #: messages in 24 hours; -1: no limit


def look_ahead(database: Database, settings: Settings, *, now: datetime, days: int) -> Ahead:
    """Tell what would come in the next days; `now` is wall time.

    Raises:
        UnknownFlow: an enrollment is pinned to a version that is not published.
    """
    starts = settings.shop_time().at(now)
    with database.read() as session:
        flows = [published.flow for published in live_flows(session)]
        story = Story(name="today", about="", starts=starts, days=days)
        stage = replace(
            set_stage(story, settings, flows),
            reorder_gap=reorder_gap(session),
            figures={row.name: row.value for row in session.scalars(select(ShopFigure))},
            by_hand=all_by_hand(session),
        )
        quota = session.get(SesQuota, THE_ACCOUNT)
        graphs: dict[tuple[str, int], Graph] = {}
        gone = sold_out(session)
        found: dict[str, Today] = {}  # one at a time: whoever is lived next

        def people() -> Iterator[Person]:
            for today in _everybody(session, stage):
                found[today.person.name] = today
                yield today.person

        def how(stage: Stage, person: Person) -> Lived:
            return _Continued(stage, found.pop(person.name), session, graphs, gone).live()

        outcome = tell(stage, people(), timelines=0, how=how, is_looked_over=False)
    by_day = Counter[object]()
    for hour, count in outcome.per_hour.items():
        by_day[hour.date()] += count
    return Ahead(
        outcome=outcome,
        busiest_day=max(by_day.values(), default=0),
        send_rate_max=quota.send_rate_max if quota else None,
        day_max=quota.day_max if quota else None,
    )


class _Continued(Life):
    """A life that goes on from what the database says."""

    def __init__(
        self,
        stage: Stage,
        today: Today,
        session: Session,
        graphs: dict[tuple[str, int], Graph],
        sold_out: frozenset[str],
    ) -> None:
        super().__init__(stage, today.person)
        self._sold_out = sold_out
        self._today = today
        self._session = session
        self._graphs = graphs

    def begins_with(self) -> Iterator[Passage]:
        today, facts = self._today, self.facts
        for event in sorted(today.events, key=lambda event: event.occurred_at):
            facts.happen(event)
        today.tell_who(facts)
        facts.lapse = foretold(self._session, today.person.name, Kind.LAPSE)
        facts.next_order = foretold(self._session, today.person.name, Kind.NEXT_ORDER)
        facts.figures, facts.goods = self.stage.figures, today.goods
        facts.sold_out, facts.rests_until = self._sold_out, today.rests_until
        if today.preferences is not None:
            facts.paused_until, facts.fewer = (
                today.preferences.paused_until,
                today.preferences.fewer,
            )
        facts.received = sorted(today.received)
        rows = sorted(today.enrollments, key=lambda row: row.started_at)
        for number, row in enumerate(sorted(rows, key=_is_over, reverse=True)):
            reason = row.exit_reason or row.exit_owed
            stay = Stay(
                flow=row.flow,
                entry_key=row.entry_key,
                started_at=row.started_at,
                trigger=None,
                ended_at=row.ended_at,
                exit=ExitReason(reason or ExitReason.CANCELLED) if _is_over(row) else None,
            )
            if stay.exit is not None:
                self.entries.remember(stay)
            else:
                yield self._passage(row, stay, number)

    def _passage(self, row: Enrollment, stay: Stay, number: int) -> Passage:
        graph = self._graph(row)
        sent = self._today.sent.get(row.id, [])
        told = tuple(each.step_id for each in sent if each.step_id in graph.retold())
        offered = {
            step.offer: each.sent_on
            for each in sent
            if isinstance(step := graph.steps.get(each.step_id), Send)
            and step.offer is not None
            and each.sent_on is not None
        }
        wait = graph.until_next_send(row.step_id)
        since = row.next_send_at - wait if row.next_send_at and wait is not None else self.now
        parked = row.parked_reason if row.state == EnrollmentState.PARKED else None
        return Passage(
            number=number,
            graph=graph,
            state=Unwritten(step=row.step_id, entered_at=since, told=told, parked=parked),
            stay=stay,
            rank=self.stage.ranks.get(row.flow, len(self.stage.priority)),
            next_send_at=row.next_send_at,
            offered=offered,
        )

    def _graph(self, row: Enrollment) -> Graph:
        key = row.flow, row.flow_version
        if key not in self._graphs:
            self._graphs[key] = pinned_flow(self._session, *key).graph
        return self._graphs[key]


def _is_over(row: Enrollment) -> bool:
    return row.state == EnrollmentState.ENDED or row.exit_owed is not None


def _everybody(session: Session, stage: Stage) -> Iterator[Today]:
    """Read contacts in the order of their ids, some at a time."""
    last = ""
    while True:
        query = select(Contact).where(
            Contact.id > last, Contact.merged_into.is_(None), Contact.erased_at.is_(None)
        )
        contacts = session.scalars(query.order_by(Contact.id).limit(WINDOW)).all()
        if not contacts:
            return
        last = contacts[-1].id
        yield from read_today(session, contacts, stage, until=stage.starts)
        session.expunge_all()
