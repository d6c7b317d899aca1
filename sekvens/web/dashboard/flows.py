"""All flows: what each is for, whether it takes people, and how it is doing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.orm import Session

from sekvens.enrollments.publish import PublishedFlow, pinned_flow
from sekvens.enrollments.versions import history
from sekvens.flows.definition import Flow
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import Mode
from sekvens.metrics.reading import Asked as AskedMetrics
from sekvens.metrics.reading import Number, counted_at, read
from sekvens.metrics.today import FlowNow, today_of
from sekvens.modes.setting import all_by_hand
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.step_words import StepWords
from sekvens.web.dashboard.words import Words

_NAMES: Final = ("delivered", "click-rate", "conversion", "revenue-per-recipient")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One flow: as it stands, and what it came to in the period."""

    name: str
    purpose: str
    starts: str
    version: int
    is_live: bool  #: whether new contacts may enter it
    mode: str  #: `draft`, `manual` or `live`
    held: str  #: what a switch of its own does now: `paused`, `stopped`; or nothing
    now: FlowNow
    numbers: Mapping[str, Number] = field(default_factory=dict)  #: by the metric's name

    def sum(self, metric: str) -> float:
        """Tell what is above the line of a metric; 0 where there is nothing."""
        number = self.numbers.get(metric)
        return (number.numerator or 0.0) if number else 0.0

    def value(self, metric: str) -> float | None:
        """Tell a metric; None: no data."""
        number = self.numbers.get(metric)
        return number.value if number else None

    @property
    def sent(self) -> float:
        """Tell how many messages SES took in the period."""
        number = self.numbers.get("delivered")
        return number.denominator if number else 0.0


def newest_versions(session: Session) -> list[tuple[PublishedFlow, bool]]:
    """List every flow in its live version, else in its newest, and whether it may be entered."""
    found: dict[str, tuple[int, bool]] = {}
    for row in history(session):
        if row.live or row.flow not in found:
            found[row.flow] = (row.version, row.live)
    return [(pinned_flow(session, name, version), live) for name, (version, live) in found.items()]


def numbers_by_flow(house: House, session: Session, asked: Asked) -> dict[str, dict[str, Number]]:
    """Read what each flow came to in the period, by flow and metric."""
    period = asked.period
    question = AskedMetrics(names=_NAMES, since=period.since, until=period.until, by=("flow",))
    found: dict[str, dict[str, Number]] = {}
    for number in read(session, question, house.rules, today=asked.today):
        flow = number.group["flow"]
        if flow is not None and not number.without:
            found.setdefault(flow, {})[number.metric] = number
    return found


def rows(house: House, session: Session, asked: Asked, now: Mapping[str, FlowNow]) -> Sequence[Row]:
    """Make a row of every flow: those that take people first, each group by name."""
    words = StepWords(Words("flow", asked.language))
    held = {switch.name: switch.state for switch in standing(session)}
    by_hand, numbers = all_by_hand(session), numbers_by_flow(house, session, asked)

    def row(flow: Flow, *, is_live: bool) -> Row:
        return Row(
            name=flow.name,
            purpose=flow.purpose.value,
            starts=words.starts(flow),
            version=flow.version,
            is_live=is_live,
            mode=mode_of(flow, None, by_hand.get(flow.name, {})).value,
            held=held.get(flow.name, ""),
            now=now.get(flow.name, FlowNow()),
            numbers=numbers.get(flow.name, {}),
        )

    found = [row(each.flow, is_live=live) for each, live in newest_versions(session)]
    return sorted(found, key=lambda each: (not each.is_live, each.mode == Mode.DRAFT, each.name))


def show(house: House, session: Session, asked: Asked) -> Mapping[str, Any]:
    """Show every flow."""
    today = today_of(session, house.rules, today=asked.today)
    return {
        "rows": rows(house, session, asked, today.flows),
        "reasons": Reasons(asked.language),
        "counted_at": counted_at(session),
    }


FLOWS = Page(path="/staff/flows", name="flows", section="flows", show=show, live=("flows",))
