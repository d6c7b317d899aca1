"""Temporal's schedules: one for the audience of each live flow, and those of shop-wide work.

That is retention, expiry, segments, metrics, looks at experiments, predictions, the Monday mail.

They are made, changed, held and let go at every start of a worker, by several at once if need be:
each writes what the settings say. What an operator paused stays paused.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from sekvens.audiences import names
from sekvens.audiences.rules import RULES
from sekvens.audiences.wire import (
    AudienceScanInput,
    ExpiryInput,
    RefreshInput,
    RetentionInput,
    SegmentsInput,
)
from sekvens.enrollments.names import FLOWS_QUEUE
from sekvens.experiments.names import LOOKS_SCHEDULE, LOOKS_WORKFLOW
from sekvens.experiments.wire import LooksInput
from sekvens.flows.shop_time import DAY
from sekvens.flows.urgency import Urgency
from sekvens.predictions import names as predictions
from sekvens.predictions.wire import PredictionInput
from sekvens.settings import Settings
from sekvens.staff.monday import names as monday
from sekvens.staff.monday.wire import MondayInput

logger = logging.getLogger(__name__)

#: By this note a pause of ours is told from an operator's.
OURS: Final = "held by the settings"
#: A scan that an outage kept from starting starts up to so much later; then tomorrow will do.
CATCH_UP: Final = timedelta(hours=12)
#: So that the scans of all flows do not begin in the same second.
JITTER: Final = timedelta(minutes=5)
#: Quick days: Temporal knows no shorter interval that is worth having.
INTERVAL_MIN: Final = timedelta(seconds=2)
#: The least that Temporal takes for a catch-up.
CATCH_UP_MIN: Final = timedelta(seconds=10)
HOURS: Final = 24
#: Mondays, as Temporal counts days of the week, before anybody is at work.
MONDAY, MONDAY_HOUR = 1, 7


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One schedule as it is to be."""

    id: str
    schedule: Schedule

    @property
    def is_held(self) -> bool:
        """Tell whether the settings keep it from starting anything."""
        return self.schedule.state.paused


def wanted(settings: Settings, flows: Collection[str]) -> list[Wanted]:
    """List the schedules of live flows with an audience, of what goes in time, and of metrics."""
    off = settings.flows.off
    audiences = [
        Wanted(
            id=names.schedule_id(flow),
            schedule=_schedule(
                settings,
                _action(
                    names.SCAN_WORKFLOW,
                    AudienceScanInput(flow=flow),
                    workflow_id=names.scan_id(flow),
                    summary=f"audience of {flow}",
                ),
                is_held=flow in off,
            ),
        )
        for flow in sorted(flows)
    ]
    retention = _action(
        names.RETENTION_WORKFLOW,
        RetentionInput(),
        workflow_id=names.RETENTION_WORKFLOW,
        summary="erase who has been inactive for long, or never confirmed",
    )
    kept = settings.privacy
    does_something = kept.erase_inactive_days or kept.erase_unconfirmed_days or kept.copies_days
    is_held = not does_something
    # A round for each quick day would crowd out of the Temporal UI what a demo is there to show.
    days = 1 if settings.clock.day_seconds == DAY.total_seconds() else 7
    rounds = _schedule(settings, retention, is_held=is_held, every_hours=HOURS * days)
    return [
        *audiences,
        Wanted(id=names.RETENTION_SCHEDULE, schedule=rounds),
        Wanted(id=names.EXPIRY_SCHEDULE, schedule=_expiry(settings, days)),
        *_shop_wide(settings, days),
        Wanted(id=monday.MONDAY_SCHEDULE, schedule=_mondays(settings)),
    ]


def _expiry(settings: Settings, days: int) -> Schedule:
    action = _action(
        names.EXPIRY_WORKFLOW,
        ExpiryInput(),
        workflow_id=names.EXPIRY_WORKFLOW,
        summary="let go what is old enough",
    )
    is_held = not any(getattr(settings.privacy, rule.setting) for rule in RULES)
    return _schedule(settings, action, is_held=is_held, every_hours=HOURS * days)


def _shop_wide(settings: Settings, days: int) -> Iterator[Wanted]:
    """List the rounds over the whole shop, with how many hours lie between two of them."""
    for schedule_id, workflow, order, summary, every, urgency in (
        (names.SEGMENTS_SCHEDULE, names.SEGMENTS_WORKFLOW, SegmentsInput(),
         "who has entered or left a segment", settings.audiences.every_hours, Urgency.MARKETING),
        (names.REFRESH_SCHEDULE, names.REFRESH_WORKFLOW, RefreshInput(),
         "count what metrics are read from", settings.metrics.every_hours, Urgency.COUNTING),
        (LOOKS_SCHEDULE, LOOKS_WORKFLOW, LooksInput(),
         "take the looks at experiments that are due", HOURS, Urgency.MARKETING),
        (predictions.PREDICTION_SCHEDULE, predictions.PREDICTION_WORKFLOW, PredictionInput(),
         "what contacts are expected to do", HOURS, Urgency.MARKETING),
    ):  # fmt: skip
        action = _action(workflow, order, workflow_id=workflow, summary=summary, urgency=urgency)
        hours = every if days == 1 else HOURS * days
        schedule = _schedule(settings, action, is_held=False, every_hours=hours)
        yield Wanted(id=schedule_id, schedule=schedule)


def _mondays(settings: Settings) -> Schedule:
    """Make the schedule of the Monday mail; who gets it, if anybody, stands in the database."""
    action = _action(
        monday.MONDAY_WORKFLOW,
        MondayInput(),
        workflow_id=monday.MONDAY_WORKFLOW,
        summary="tell the staff what last week came to",
    )
    weekly = _schedule(settings, action, is_held=False, every_hours=HOURS * 7)
    if settings.clock.day_seconds != DAY.total_seconds():
        return weekly
    calendar = ScheduleCalendarSpec(
        day_of_week=[ScheduleRange(MONDAY)], hour=[ScheduleRange(MONDAY_HOUR)]
    )
    spec = ScheduleSpec(calendars=[calendar], time_zone_name=settings.shop.timezone)
    return replace(weekly, spec=spec)


async def keep_schedules(client: Client, settings: Settings, flows: Collection[str]) -> None:
    """Make Temporal's schedules what the settings say; those of flows no longer live are held.

    Raises:
        RPCError: Temporal did not take one of them; doing it again is harmless.
    """
    kept = wanted(settings, flows)
    for each in kept:
        await _keep(client, each)
    known = {each.id for each in kept}
    async for found in await client.list_schedules():
        if found.id.startswith(names.AUDIENCE_PREFIX) and found.id not in known:
            await _update(client, found.id, _held)
    logger.info(
        "%d schedules are kept, %d of them held",
        len(kept),
        sum(each.is_held for each in kept),
        extra={"action": "schedules_kept"},
    )


def _action(
    workflow: str,
    order: object,
    *,
    workflow_id: str,
    summary: str,
    urgency: Urgency = Urgency.MARKETING,
) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(
        workflow,
        order,
        id=workflow_id,
        task_queue=FLOWS_QUEUE,
        static_summary=summary,
        priority=Priority(priority_key=urgency),
    )


def _schedule(
    settings: Settings,
    action: ScheduleActionStartWorkflow,
    *,
    is_held: bool,
    every_hours: int | None = None,
) -> Schedule:
    every = every_hours or settings.audiences.every_hours
    day_lasts = timedelta(seconds=settings.clock.day_seconds)
    is_real = day_lasts == DAY
    spec = _calendar(settings, every) if is_real else _interval(day_lasts * every / HOURS)
    return Schedule(
        action=action,
        spec=spec,
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP,
            catchup_window=CATCH_UP if is_real else CATCH_UP_MIN,
        ),
        state=ScheduleState(paused=is_held, note=OURS if is_held else None),
    )


def _calendar(settings: Settings, every_hours: int) -> ScheduleSpec:
    hour, minute = (int(part) for part in settings.audiences.at.split(":"))
    first = hour % every_hours
    calendar = ScheduleCalendarSpec(
        hour=[ScheduleRange(first, HOURS - 1, every_hours)], minute=[ScheduleRange(minute)]
    )
    zone = settings.shop.timezone
    return ScheduleSpec(calendars=[calendar], time_zone_name=zone, jitter=JITTER)


def _interval(every: timedelta) -> ScheduleSpec:
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=max(every, INTERVAL_MIN))])


async def _keep(client: Client, each: Wanted) -> None:
    try:
        await client.create_schedule(each.id, each.schedule)
    except ScheduleAlreadyRunningError:
        await _update(client, each.id, lambda there: _changed(there, each))


async def _update(
    client: Client, schedule_id: str, change: Callable[[Schedule], Schedule | None]
) -> None:
    async def updater(there: ScheduleUpdateInput) -> ScheduleUpdate | None:
        changed = change(there.description.schedule)
        return None if changed is None else ScheduleUpdate(schedule=changed)

    try:
        await client.get_schedule_handle(schedule_id).update(updater)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # somebody has deleted it meanwhile
            raise


def _changed(there: Schedule, each: Wanted) -> Schedule:
    """Put what is wanted in the place of what is there; an operator's pause stands."""
    is_operators = there.state.paused and there.state.note != OURS
    state = there.state if is_operators else each.schedule.state
    return replace(each.schedule, state=state)


def _held(there: Schedule) -> Schedule | None:
    if there.state.paused:
        return None
    return replace(there, state=replace(there.state, paused=True, note=OURS))
