"""Schedules: what the settings say, kept by every worker at its start, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client, ScheduleOverlapPolicy
from temporalio.testing import WorkflowEnvironment

from sekvens.audiences.rules import RULES
from sekvens.audiences.schedules import OURS, Wanted, keep_schedules, wanted
from sekvens.errors import SettingsError
from sekvens.flows.steps import Purpose
from sekvens.flows.urgency import urgency_of
from sekvens.settings import SAMPLE_SHOP, Settings, load_settings

FLOWS = ("winback", "sunset")
QUICK = {"CLOCK__DAY_SECONDS": "2", "CLOCK__ORIGIN": "2026-03-04T12:00:00Z"}
pytestmark = pytest.mark.asyncio(loop_scope="session")


def settings(**environ: str) -> Settings:
    given = {f"SEKVENS_{name}": value for name, value in environ.items()}
    return load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)} | given)


def by_id(**environ: str) -> dict[str, Wanted]:
    return {each.id: each for each in wanted(settings(**environ), FLOWS)}


@pytest_asyncio.fixture(loop_scope="session")
async def client(time_skipping: WorkflowEnvironment) -> AsyncIterator[Client]:
    """A client of a server on which every schedule is deleted afterwards."""
    yield time_skipping.client
    for schedule_id in await ids(time_skipping.client, at_least=0):
        await time_skipping.client.get_schedule_handle(schedule_id).delete()


async def ids(client: Client, *, at_least: int) -> set[str]:
    """List the schedules; the server's list is a moment behind."""
    found: set[str] = set()
    for _ in range(100):
        found = {each.id async for each in await client.list_schedules()}
        if len(found) >= at_least:
            break
        await asyncio.sleep(0.1)
    return found


async def is_held(client: Client, schedule_id: str) -> bool:
    described = await client.get_schedule_handle(schedule_id).describe()
    return described.schedule.state.paused


async def test_a_scan_comes_daily_at_a_time_of_the_shops_own_zone():
    (calendar,) = by_id()["audience/winback"].schedule.spec.calendars

    assert [(range_.start, range_.end, range_.step) for range_ in calendar.hour] == [(6, 23, 24)]
    assert by_id()["audience/winback"].schedule.spec.time_zone_name == "Europe/Stockholm"


async def test_more_scans_a_day_are_spread_over_it():
    given = {"AUDIENCES__EVERY_HOURS": "8", "AUDIENCES__AT": "18:30"}
    (calendar,) = by_id(**given)["audience/winback"].schedule.spec.calendars

    assert [(range_.start, range_.end, range_.step) for range_ in calendar.hour] == [(2, 23, 8)]
    assert [range_.start for range_ in calendar.minute] == [30]


@pytest.mark.parametrize(("seconds", "every"), [("2", 2), ("12", 12), ("0.5", 2)])
async def test_in_quick_days_there_is_a_scan_for_each_day(seconds, every):
    quick = QUICK | {"CLOCK__DAY_SECONDS": seconds}
    (interval,) = by_id(**quick)["audience/winback"].schedule.spec.intervals

    assert interval.every == timedelta(seconds=every)


@pytest.mark.parametrize(
    "given", [{"AUDIENCES__EVERY_HOURS": "5"}, {"AUDIENCES__AT": "6"}, {"AUDIENCES__AT": "25:00"}]
)
async def test_a_time_that_cannot_be_kept_is_refused(given):
    with pytest.raises(SettingsError, match="audiences"):
        settings(**given)


async def test_a_flow_that_is_off_is_held_and_so_is_retention_that_has_nothing_to_do():
    given = {
        "FLOWS__OFF": "sunset",
        "PRIVACY__ERASE_INACTIVE_DAYS": "0",
        "PRIVACY__ERASE_UNCONFIRMED_DAYS": "0",
        "PRIVACY__COPIES_DAYS": "0",
    }

    held = {schedule_id: each.is_held for schedule_id, each in by_id(**given).items()}
    assert held == {
        "audience/winback": False, "audience/sunset": True, "retention": True, "expiry": False,
        "segments": False,
        "metrics-refresh": False,
        "experiment-looks": False,
        "predictions": False,
        "monday-mail": False,
    }  # fmt: skip


async def test_metrics_are_counted_every_hour_or_as_often_as_the_settings_say():
    (hourly,), (rarer,) = (
        by_id(**given)["metrics-refresh"].schedule.spec.calendars
        for given in ({}, {"METRICS__EVERY_HOURS": "6"})
    )

    assert [hourly.hour[0].step, rarer.hour[0].step] == [1, 6]


async def test_counting_goes_before_marketing_that_waits_and_after_order_mail(client: Client):
    await keep_schedules(client, settings(), FLOWS)
    urgencies = {}
    for schedule_id in ("metrics-refresh", "audience/winback"):
        kept = await client.get_schedule_handle(schedule_id).describe()
        urgencies[schedule_id] = kept.schedule.action.priority.priority_key

    order_mail = urgency_of(Purpose.TRANSACTIONAL)
    assert order_mail < urgencies["metrics-refresh"] < urgencies["audience/winback"]


async def test_the_monday_mail_comes_on_mondays_at_seven_by_the_shops_own_clock():
    spec = by_id()["monday-mail"].schedule.spec
    (calendar,) = spec.calendars

    assert [(each.start, each.end) for each in calendar.day_of_week] == [(1, 1)]
    assert (calendar.hour[0].start, calendar.minute[0].start) == (7, 0)
    assert (spec.time_zone_name, spec.jitter) == ("Europe/Stockholm", None)
    (interval,) = by_id(**QUICK)["monday-mail"].schedule.spec.intervals
    assert interval.every == timedelta(seconds=14)


async def test_expiry_by_which_nothing_goes_is_held():
    never = {f"PRIVACY__{rule.setting.upper()}": "0" for rule in RULES}

    assert by_id(**never)["expiry"].is_held


async def test_several_workers_at_once_make_each_schedule_once(client: Client):
    await asyncio.gather(*(keep_schedules(client, settings(), FLOWS) for _ in range(3)))

    assert await ids(client, at_least=5) == {
        "audience/winback", "audience/sunset", "retention", "expiry", "segments",
        "metrics-refresh", "experiment-looks", "predictions", "monday-mail",
    }  # fmt: skip
    described = await client.get_schedule_handle("audience/winback").describe()
    assert described.schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert described.info.next_action_times


async def test_a_start_with_other_settings_changes_them(client: Client):
    await keep_schedules(client, settings(), FLOWS)
    await keep_schedules(client, settings(FLOWS__OFF="winback"), FLOWS)

    assert await is_held(client, "audience/winback")
    await keep_schedules(client, settings(), FLOWS)
    assert not await is_held(client, "audience/winback")


async def test_what_an_operator_paused_stays_paused(client: Client):
    await keep_schedules(client, settings(), FLOWS)
    await client.get_schedule_handle("audience/winback").pause(note="Maja is on holiday")
    await keep_schedules(client, settings(AUDIENCES__AT="07:00"), FLOWS)

    described = await client.get_schedule_handle("audience/winback").describe()
    assert described.schedule.state.note == "Maja is on holiday"
    assert described.schedule.state.paused
    assert described.schedule.spec.calendars[0].hour[0].start == 7


async def test_the_schedule_of_a_flow_that_is_no_longer_live_is_held(client: Client):
    await keep_schedules(client, settings(), FLOWS)
    await ids(client, at_least=3)
    await keep_schedules(client, settings(), ["sunset"])

    described = await client.get_schedule_handle("audience/winback").describe()
    assert (described.schedule.state.paused, described.schedule.state.note) == (True, OURS)
    assert not await is_held(client, "audience/sunset")
