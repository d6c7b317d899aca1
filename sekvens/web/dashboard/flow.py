"""One flow: its steps as a ladder with who stands at each, what went out, and its versions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.publish import pinned_flow
from sekvens.enrollments.queries import UNDER_WAY
from sekvens.enrollments.tables import Enrollment, FlowVersion
from sekvens.enrollments.versions import history
from sekvens.experiments.drawing import plan_of
from sekvens.experiments.looking import last_look
from sekvens.experiments.tables import Draw, ExperimentPlan
from sekvens.flows.graph import Graph
from sekvens.flows.lots import name_of
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import Experiment
from sekvens.metrics.reading import counted_at
from sekvens.metrics.steps import Went, standing_by_step, went_by_step
from sekvens.modes.setting import by_hand
from sekvens.switches.tables import BREAKER, EVERYTHING
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.charts import Series, bar_chart, line_chart
from sekvens.web.dashboard.ladder import ladder
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.step_words import StepWords
from sekvens.web.dashboard.trends import Came, came_to, trend

#: Of the newest versions, beside those that somebody is under way in.
VERSIONS_MAX: Final = 20


@dataclass(frozen=True, kw_only=True)
class Lot:
    """An experiment of the flow: who has drawn what, and what the last look came to."""

    step: str
    name: str
    state: str
    drawn: Mapping[str, int]  #: variant -> contacts
    came: Mapping[str, Came]  #: variant -> what its messages came to in the period
    verdict: str  #: of the last look; nothing: there has been none
    winner: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """A published version, and how many are under way in it."""

    row: FlowVersion
    under_way: int


def show(house: House, session: Session, asked: Asked) -> Mapping[str, Any] | None:
    """Show one flow; None: none of this name was ever published."""
    name = asked.path["flow"]
    versions = history(session, name, is_brief=True)
    if not versions:
        return None
    shown = next((row for row in versions if row.live), versions[0])
    graph = pinned_flow(session, name, shown.version).graph
    words, modes = StepWords(asked.t), by_hand(session, name)
    holds = [each for each in standing(session) if each.name in (name, EVERYTHING, BREAKER)]
    stand = standing_by_step(session, name)
    went = went_by_step(session, name, asked.period, house.rules)
    return {
        "flow": graph.flow,
        "is_live": shown.live,
        "mode": mode_of(graph.flow, None, modes).value,
        "held": next((each for each in holds if each.name == name), None),
        "holds": holds,
        "says": words,
        "ends": words.ends((rule.pattern, rule.reason) for rule in graph.exit_rules()),
        "ladder": ladder(graph, words, standing=stand, went=went, by_hand=modes),
        "under_way": sum(each.under_way for each in stand.values()),
        "parked": sum(each.parked for each in stand.values()),
        "total": total(went),
        "charts": _charts(house, session, asked, name, went),
        "lots": list(_lots(session, graph, came_to(house, session, asked, "variant", flow=name))),
        "versions": _versions(session, name, versions),
        "versions_count": len(versions),
        "counted_at": counted_at(session, house.rules),
    }


def total(went: Mapping[str | None, Went]) -> Went:
    """Add up what went out at all steps."""
    skipped: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for each in went.values():
        skipped.update(each.skipped)
        left.update(each.left)
    return Went(
        sent=sum(each.sent for each in went.values()),
        delivered=sum(each.delivered for each in went.values()),
        clicks_allowed=sum(each.clicks_allowed for each in went.values()),
        clicked=sum(each.clicked for each in went.values()),
        converted=sum(each.converted for each in went.values()),
        earned=sum(each.earned for each in went.values()),
        skipped=dict(skipped.most_common()),
        left=dict(left.most_common()),
    )


def _charts(
    house: House, session: Session, asked: Asked, flow: str, went: Mapping[str | None, Went]
) -> list[Markup]:
    t = asked.t
    number = house.writes(asked.language)["number"]
    drawn = [_trend(house, session, asked, flow)]
    reasons, whole = Reasons(asked.language), total(went)
    for title, kind, counts in (
        (t.why_skipped, "skip", whole.skipped), (t.why_left, "exit", whole.left)
    ):  # fmt: skip
        labels = [reasons(kind, reason) for reason in counts]
        if labels:
            bars = partial(bar_chart, write=number, table=t.as_table)
            drawn.append(bars(title, labels, [float(count) for count in counts.values()]))
    return drawn


def _trend(house: House, session: Session, asked: Asked, flow: str) -> Markup:
    """Draw what was sent and clicked."""
    t = asked.t
    found = trend(house, session, asked, ("delivered", "click-rate"), flow=flow)
    return line_chart(
        t.trend,
        found.labels,
        [
            Series(name=t.sent, values=found.below("delivered")),
            Series(name=t.clicked, values=found.above("click-rate")),
        ],
        write=house.writes(asked.language)["number"],
        table=t.as_table,
    )


def _lots(session: Session, graph: Graph, came: Mapping[str, Came]) -> Iterator[Lot]:
    for step in graph.steps.values():
        if not isinstance(step, Experiment):
            continue
        name = name_of(graph.flow.name, step)
        begun = session.get(ExperimentPlan, name)
        look = last_look(session, begun) if begun else None
        drawn = _drawn(session, begun) if begun else {each.name: 0 for each in step.variants}
        yield Lot(
            step=step.id,
            name=name,
            state=begun.state if begun else "",
            drawn=drawn,
            came={variant: came.get(f"{name}/{variant}", Came()) for variant in drawn},
            verdict=look.verdict if look else "",
            winner=(look.winner or "") if look else "",
        )


def _drawn(session: Session, begun: ExperimentPlan) -> dict[str, int]:
    query = (
        select(Draw.variant, func.count())
        .where(Draw.experiment == begun.name, Draw.round == begun.round)
        .group_by(Draw.variant)
    )
    counted = dict(session.execute(query).all())
    return {variant: counted.get(variant, 0) for variant in plan_of(begun).variants}


def _versions(session: Session, flow: str, versions: Sequence[FlowVersion]) -> list[Version]:
    query = (
        select(Enrollment.flow_version, func.count())
        .where(Enrollment.flow == flow, UNDER_WAY)
        .group_by(Enrollment.flow_version)
    )
    counted = dict(session.execute(query).all())
    return [
        Version(row=row, under_way=counted.get(row.version, 0))
        for nth, row in enumerate(versions)
        if nth < VERSIONS_MAX or row.live or row.version in counted
    ]


FLOW = Page(
    path="/staff/flows/{flow}", name="flow", section="flows", show=show, live=("now", "steps")
)
