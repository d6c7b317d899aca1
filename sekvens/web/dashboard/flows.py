"""All flows: what each is for, whether it takes people, and how it is doing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from sekvens.enrollments.publish import PublishedFlow, pinned_flow
from sekvens.enrollments.versions import history
from sekvens.flows.definition import Flow
from sekvens.flows.modes import mode_of
from sekvens.flows.steps import Mode
from sekvens.metrics.reading import counted_at
from sekvens.metrics.today import FlowNow, today_of
from sekvens.modes.setting import all_by_hand
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.step_words import StepWords
from sekvens.web.dashboard.trends import Came, came_to
from sekvens.web.dashboard.words import Words


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
    came: Came


def newest_versions(session: Session) -> list[tuple[PublishedFlow, bool]]:
    """List every flow in its live version, else in its newest, and whether it may be entered."""
    found: dict[str, tuple[int, bool]] = {}
    for row in history(session, is_brief=True):
        if row.live or row.flow not in found:
            found[row.flow] = (row.version, row.live)
    return [(pinned_flow(session, name, version), live) for name, (version, live) in found.items()]


def rows(house: House, session: Session, asked: Asked, now: Mapping[str, FlowNow]) -> Sequence[Row]:
    """Make a row of every flow: those that take people first, each group by name."""
    words = StepWords(Words("flow", asked.language))
    held = {switch.name: switch.state for switch in standing(session)}
    by_hand, came = all_by_hand(session), came_to(house, session, asked, "flow")

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
            came=came.get(flow.name, Came()),
        )

    found = [row(each.flow, is_live=live) for each, live in newest_versions(session)]
    return sorted(found, key=lambda each: (not each.is_live, each.mode == Mode.DRAFT, each.name))


def show(house: House, session: Session, asked: Asked) -> Mapping[str, Any]:
    """Show every flow."""
    today = today_of(session, house.rules, today=asked.today)
    return {
        "rows": rows(house, session, asked, today.flows),
        "counted_at": counted_at(session, house.rules),
    }


FLOWS = Page(path="/staff/flows", name="flows", section="flows", show=show, live=("flows",))
