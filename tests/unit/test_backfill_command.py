"""`flows backfill`: what it says before it does anything, and what it refuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.flows.asking import has_trait
from sekvens.flows.builder import DRAFT, audience, days, hours, send, wait
from starter import main
from tests.unit.relaying import World, cart_flow, store_templates


@pytest.fixture
def world(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    world = World(sqlite_database, FrozenClock(datetime.now(UTC) - timedelta(minutes=1)))
    for who, ago in (("c-in-time", hours(1)), ("c-too-late", days(20))):
        world.contact(who)
        world.happens(who, "Product Added", ago=ago, cart_id="k1")
    world.expand_all()
    steps = [wait("settle", hours(4)), send("your-cart")]
    draft = cart_flow(steps=steps, mode=DRAFT)
    of_a_state = cart_flow(steps=steps, trigger=audience("quiet", has_trait("birthday")))
    with sqlite_database.write() as session:
        for flow in (draft, replace(of_a_state, name="quiet", entry_key=None)):
            publish(session, flow, now=world.clock.now(), store_templates=store_templates)
    return world


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def backfill(*more: str, flow: str = "cart", since: str = "30d", place: str = "schedule") -> Result:
    return run("flows", "backfill", flow, "--since", since, "--from", place, *more)


def test_nobody_is_enrolled_before_it_is_told_who_and_somebody_says_yes(world: World) -> None:
    told = backfill()
    dry = backfill("--yes", "--dry-run")
    draft = backfill("--yes")
    before = world.enrollments()
    run("flows", "mode", "cart", "live")
    done = backfill("--yes")

    assert told.exit_code == dry.exit_code == 0
    assert "1 of 2 contacts would enter cart." in told.output
    assert all(said in told.output for said in ("settle", "first e-mails", "1 would be through"))
    assert told.output == dry.output
    assert (draft.exit_code, "cart is a draft" in draft.output, before) == (2, True, [])
    assert "1 contacts have entered cart" in done.output
    assert [row.contact_id for row in world.enrollments()] == ["c-in-time"]
    assert "0 of 2 contacts would enter cart." in backfill().output


REFUSED = {
    ("nobody", "30d", "start"): "no flow 'nobody' is published",
    ("quiet", "30d", "start"): "starter.py audiences scan quiet",
    ("cart", "soon", "start"): "'soon' is no length of time",
    ("cart", "9999d", "start"): "it is longer than 3650 days",
    ("cart", "30d", "middle"): "'middle' is not one of 'start', 'schedule'",
}


def test_what_cannot_be_filled_is_refused(world: World) -> None:
    for (flow, since, place), said in REFUSED.items():
        result = backfill("--yes", flow=flow, since=since, place=place)
        assert (result.exit_code, said in result.output) == (2, True), result.output

    assert world.enrollments() == []
