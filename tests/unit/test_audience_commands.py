"""`audiences` and `contacts erase`: what an operator asks for, and what is said."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from temporalio.testing import WorkflowEnvironment

from sekvens.audiences.schedules import keep_schedules
from sekvens.clock import FrozenClock, SystemClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.settings import load_settings
from starter import main
from tests.scenarios.scheduled import scripted_worker
from tests.unit.scanning import Shop

Run = Callable[..., Result]


@pytest.fixture
def shop(sqlite_database: Database) -> Shop:
    return Shop(sqlite_database, FrozenClock(SystemClock().now()))


@pytest.fixture
def run(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on the shop's database, with nothing where Temporal would be."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SEKVENS_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(shop.database.engine.url))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")

    def run(*arguments: str, **given: str) -> Result:
        return CliRunner().invoke(main, arguments, **given)

    return run


@pytest.fixture
def temporal(time_skipping: WorkflowEnvironment, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", time_skipping.client.service_client.config.target_host)


def test_a_dry_run_says_who_would_enter_and_why_others_would_not(shop: Shop, run: Run):
    shop.customers("c-away", "c-away-too")
    shop.contact("c-never")
    result = run("audiences", "scan", "comeback", "--dry-run")

    assert result.output.splitlines() == [
        "2 of 3 contacts would enter comeback. The others:",
        "  1 not in the audience, or the entry conditions do not hold",
    ]
    assert shop.entered() == []


def test_a_flow_without_an_audience_gets_a_sentence(shop: Shop, run: Run):
    result = run("audiences", "scan", "nothing", "--dry-run")

    assert result.exit_code == 2
    assert "nobody can be found for 'nothing': it is not published" in result.output


def test_the_list_says_whom_each_flow_takes_even_where_temporal_does_not_answer(run: Run):
    result = run("audiences", "list")

    assert result.exit_code == 0
    assert re.search(r"comeback +they have not ordered", result.output)
    assert "Temporal does not answer" in result.output
    assert "lapsed after 60 days" in result.output


@pytest.mark.asyncio(loop_scope="session")
async def test_a_scan_by_hand_is_carried_out_by_a_worker(
    run: Run, temporal: None, time_skipping: WorkflowEnvironment
):
    async with scripted_worker(time_skipping):
        result = await asyncio.to_thread(run, "audiences", "scan", "comeback")

    assert result.exit_code == 0, result.output
    assert "2 of 5 contacts entered comeback" in result.output
    assert "2 under way in it" in result.output


@pytest.mark.asyncio(loop_scope="session")
async def test_the_list_tells_the_next_scan_and_what_came_of_the_last(
    run: Run, temporal: None, time_skipping: WorkflowEnvironment
):
    client = time_skipping.client
    before = await asyncio.to_thread(run, "audiences", "list")
    await keep_schedules(client, load_settings({}), ["comeback"])
    async with scripted_worker(time_skipping):
        await client.get_schedule_handle("audience/comeback").trigger()
        after = await asyncio.to_thread(run, "audiences", "list")
        while "5 contacts looked at" not in after.output:
            await asyncio.sleep(0.1)
            after = await asyncio.to_thread(run, "audiences", "list")
    for schedule_id in ("audience/comeback", "retention"):
        await client.get_schedule_handle(schedule_id).delete()

    assert "no schedule yet" in before.output
    assert "5 contacts looked at, 2 enrolled" in after.output


def test_a_contact_is_erased_when_the_word_is_given(shop: Shop, run: Run):
    shop.contact("c-maja")
    with shop.database.write() as session:
        session.get_one(Contact, "c-maja").email = "maja@example.com"

    assert run("contacts", "erase", "c-maja", input="n\n").exit_code == 1
    first = run("contacts", "erase", "maja@example.com", "--yes")
    again = run("contacts", "erase", "c-maja", "--yes")

    assert first.stderr == "c-maja is erased.\n"
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert run("contacts", "erase", "maja@example.com", "--yes").exit_code == 2
