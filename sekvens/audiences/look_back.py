"""How far back the flows look, and what they look at: nothing of that may be forgotten before.

It is worked out from the flows that new contacts may enter and those that somebody is under way in,
as they were published.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.cases import COUNTS_FOR
from sekvens.enrollments.publish import published_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState, FlowVersion
from sekvens.errors import SettingsError
from sekvens.events.fold import CART_MEMORY
from sekvens.flows.conditions import EventPattern, Happened
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.survey import asked
from sekvens.sections import PrivacySettings

#: Carts and cases are added up anew from events of so long, whatever the flows ask.
FOLDED_FOR: Final = max(CART_MEMORY, COUNTS_FOR)


def look_back(flow: Flow) -> timedelta:
    """Tell how old an event may be whose properties an enrollment of this flow still needs.

    That is its trigger when its last e-mail leaves, or what a condition asks for. What is asked of
    all times is asked by name, or by properties that are kept.
    """
    trigger = flow.trigger_age_max + compile_flow(flow).duration_max()
    spans = [condition.within for _, condition in asked(flow) if condition.within is not None]
    goal = flow.goal.within if flow.goal else timedelta(0)
    return max(trigger, goal, *spans)


def kept_keys(flows: Iterable[Flow]) -> frozenset[str]:
    """List the properties that flows tell events apart by."""
    keys = {key for flow in flows for key in (flow.entry_key, *_keys(flow))}
    return frozenset(key for key in keys if key is not None)


def _keys(value: Any) -> Iterator[str | None]:
    """Look into all that a flow is made of, so that no place for a pattern is forgotten."""
    if isinstance(value, EventPattern):
        yield from (value.same, value.other, *(name for name, _ in value.where))
    elif isinstance(value, tuple):
        for each in value:
            yield from _keys(each)
    elif is_dataclass(value):
        if isinstance(value, Happened):
            yield value.each
        for field in fields(value):
            yield from _keys(getattr(value, field.name))


def flows_in_use(session: Session) -> list[Flow]:
    """List the flow versions that are live, or that somebody is under way in."""
    under_way = exists().where(
        Enrollment.flow == FlowVersion.flow,
        Enrollment.flow_version == FlowVersion.version,
        Enrollment.state != EnrollmentState.ENDED,
    )
    query = select(FlowVersion.flow, FlowVersion.version, FlowVersion.digest)
    query = query.where(or_(FlowVersion.live, under_way)).order_by(
        FlowVersion.flow, FlowVersion.version
    )
    return [published_flow(session, *row).flow for row in session.execute(query)]


def too_short(privacy: PrivacySettings, flows: Sequence[Flow]) -> str | None:
    """Say why events' properties cannot be dropped after as few days as the settings say."""
    days = privacy.event_properties_days
    if not days:
        return None
    kept = timedelta(days=days)
    furthest = max(flows, key=look_back, default=None)
    if furthest is not None and look_back(furthest) > kept:
        who = f"the flow {furthest.name} v{furthest.version} looks"
        needed = look_back(furthest)
    elif kept < FOLDED_FOR:
        who, needed = "carts and open cases look", FOLDED_FOR
    else:
        return None
    least = -(-needed // timedelta(days=1))
    return (
        f"privacy.event_properties_days is {days}, but {who} back {least} days: set at least "
        f"{least}, or 0 to keep them for good"
    )


def check_look_back(privacy: PrivacySettings, flows: Sequence[Flow]) -> None:
    """Refuse settings by which flows would miss what they ask for.

    Raises:
        SettingsError: events' properties would be dropped too early.
    """
    refused = too_short(privacy, flows)
    if refused is not None:
        raise SettingsError(refused)
