"""The overview, flows and contacts on the dashboard: what they say, to whom, in which language."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from sqlalchemy import delete, select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.tables import FlowVersion
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.conditions import Condition, EventPattern, Not, Subscribed
from sekvens.flows.survey import every_step
from sekvens.flows.wording import ACTS
from sekvens.flows.wording_sv import they_do
from sekvens.messages.why_words import WORDINGS
from sekvens.staff.tables import Role
from sekvens.switches.tables import Switch
from sekvens.web.dashboard.contacts import masked
from sekvens.web.dashboard.step_words import StepWords
from sekvens.web.dashboard.words import LANGUAGES, Words
from tests.unit.dashboarding import NASTY, fill
from tests.unit.serving import settings
from tests.unit.staffing import Browser, add_staff, browsing, quick_scrypt  # noqa: F401  a fixture

FLOW = "/staff/flows/cart-abandonment"


class Shop(NamedTuple):
    database: Database
    ids: dict[str, str]  #: by the shop's own


#: What the database of a shop in the middle of its day is copied from.
Filled = tuple[Path, dict[str, str]]


@pytest.fixture
def staffed(sqlite_database: Database) -> Database:
    """A shop that begins."""
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    return sqlite_database


@pytest.fixture(scope="module")
def filled(sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Fill a database once; each test has a copy of its own."""
    file = tmp_path_factory.mktemp("filled") / "sekvens.db"
    database = Database(f"sqlite:///{shutil.copy(sqlite_file, file)}")
    ids = fill(database, settings())
    database.close()
    return file, ids


@pytest.fixture
def shop(filled: Filled, tmp_path: Path) -> Iterator[Shop]:
    """A shop in the middle of its day."""
    file, ids = filled
    database = Database(f"sqlite:///{shutil.copy(file, tmp_path / 'filled.db')}")
    for role in Role:
        add_staff(database, role.value, role=role)
    yield Shop(database, ids)
    database.close()


async def read(browser: Browser, path: str, *, language: str = "en") -> str:
    """Read a page as whoever is logged in: its text without tags, on one line."""
    reply = await browser.client.get(path, headers={"accept-language": language})
    assert reply.status_code == 200, path
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", reply.text))


async def test_the_overview_says_what_is_under_way_what_went_out_and_what_it_earned(
    shop: Shop, clock: FrozenClock
):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("viewer")
        english = await read(browser, "/staff")
        swedish = await read(browser, "/staff", language="sv")

    assert "Under way now 2 in 2 flows" in english
    assert "Sent today 1 1 marketing, 0 order mail; 1 not sent" in english
    assert "Earned today SEK 499 1 order owed to an e-mail" in english
    assert "1 parked enrollment" in english
    assert "På väg nu 2 i 2 flöden" in swedish


async def test_a_flows_ladder_has_its_figures_beside_each_step(shop: Shop, clock: FrozenClock):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("viewer")
        said = await read(browser, FLOW)
        swedish = await read(browser, FLOW, language="sv")

    assert "your-cart-misses-you E-mail · 4 hours" in said
    assert "Sent 2 Clicked 50.0 % Earned SEK 499" in said
    assert "Not sent frequency cap 1" in said
    assert "Left here converted 1" in said
    assert "Waits up to 2 days for them to look at the cart 1 here looked-again" in said
    assert "If they have never ordered" in said
    assert "Väntar upp till 2 dagar på att kontakten tittar i kundvagnen 1 här" in swedish


async def test_a_contact_is_told_with_the_reason_for_each_email(shop: Shop, clock: FrozenClock):
    path = f"/staff/contacts/{shop.ids['bo']}"
    home = "https://temporal.example/namespaces/shop"
    async with browsing(shop.database, clock, SEKVENS_API__TEMPORAL_UI_URL=home) as browser:
        await browser.log_in("operator")
        said = await read(browser, path)
        swedish = await read(browser, path, language="sv")
        page = (await browser.client.get(path)).text

    assert "your-cart-misses-you Sent on 2026-03-02 13:00, and delivered." in said
    assert "questions-answered Not sent: they had had as many e-mails" in said
    assert "Starts when somebody asks" not in said
    assert "Not sent cart-abandonment questions-answered: frequency cap" in said
    assert "Skickat 2026-03-02 13:00, och levererat." in swedish
    assert f"{home}/workflows/cart-abandonment%2F{shop.ids['bo']}%2Fd-2" in page
    assert "Time zone Europe/Stockholm the shop&#39;s: nothing is known of theirs" in said
    assert "Tidszon Europe/Stockholm butikens: inget är känt om deras" in swedish


async def test_whoever_may_only_look_sees_no_whole_address_and_no_traits(
    shop: Shop, clock: FrozenClock
):
    path = f"/staff/contacts/{shop.ids['asta']}"
    seen = {}
    for role in Role:
        async with browsing(shop.database, clock) as browser:
            await browser.log_in(role.value)
            seen[role] = await read(browser, path)
            lately = await read(browser, "/staff/contacts")
            assert ("asta@kund.example" in lately) is role.may(Role.EDITOR)

    assert "a…@kund.example" in seen[Role.VIEWER]
    assert "asta@kund.example" not in seen[Role.VIEWER]
    assert "traits" not in seen[Role.VIEWER]
    assert "asta@kund.example" in seen[Role.EDITOR]
    assert "3 traits" in seen[Role.OPERATOR]


async def test_a_contact_is_found_by_an_address_that_stands_in_no_url(
    shop: Shop, clock: FrozenClock
):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("viewer")
        await browser.look("/staff/contacts")
        found = await browser.post("/staff/contacts", name=" Asta@kund.example ")
        nobody = await browser.post("/staff/contacts", name="ingen@kund.example")
        by_url = await browser.client.get(f"/staff/contacts?name={shop.ids['asta']}")

    assert found.status_code == 200
    assert f'href="/staff/contacts/{shop.ids["asta"]}"' in found.text
    assert "1 kontakt heter så" in found.text
    assert "Ingen heter så." in nobody.text
    assert "heter så" not in by_url.text
    assert "kund.example" not in str(found.url)


async def test_names_from_outside_are_shown_and_never_run(shop: Shop, clock: FrozenClock):
    path = f"/staff/contacts/{shop.ids['nasty']}"
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("operator")
        pages = [(await browser.client.get(each)).text for each in (path, "/staff/contacts")]

    for page in pages:
        assert NASTY not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "style=" not in page


async def test_pausing_a_flow_asks_holds_it_and_can_be_taken_back(shop: Shop, clock: FrozenClock):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("operator")
        asks = await browser.look("/staff/do/pause-flow?flow=cart-abandonment")
        await browser.post("/staff/do/pause-flow", flow="cart-abandonment", note="stock")
        paused = await read(browser, FLOW)
        again = await browser.look("/staff/do/pause-flow?flow=cart-abandonment")
        await browser.look("/staff/do/resume?what=cart-abandonment")
        await browser.post("/staff/do/resume", what="cart-abandonment")
    with shop.database.read() as session:
        (switch,) = session.scalars(select(Switch)).all()

    assert "1 kontakt är på väg genom cart-abandonment" in asks.text
    assert "by operator. stock" in paused
    assert "är redan pausat" in again.text
    assert (switch.state, switch.by, switch.ended_by) == ("paused", "operator", "operator")


async def test_a_flow_says_what_holds_it_besides_itself(shop: Shop, clock: FrozenClock):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("operator")
        await browser.look("/staff/do/stop-everything")
        await browser.post("/staff/do/stop-everything")
        page = await read(browser, FLOW)
        await browser.look("/staff/do/resume?what=cart-abandonment")
        refused = await browser.look("/staff/do/resume?what=cart-abandonment")

    assert "Held (everything) since" in page
    assert "Inte stoppat eller pausat: cart-abandonment." in refused.text
    assert "Hålls fortfarande kvar: allt." in refused.text


@pytest.mark.parametrize("flow", ["", "*", "*breaker", "no-such-flow"])
async def test_what_is_no_flow_is_not_stopped_as_one(shop: Shop, clock: FrozenClock, flow: str):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("operator")
        await browser.look("/staff/do/stop-everything")
        await browser.post("/staff/do/stop-flow", flow=flow)
    with shop.database.read() as session:
        assert session.scalars(select(Switch)).all() == []


async def test_whoever_may_not_pause_is_not_offered_it(shop: Shop, clock: FrozenClock):
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("editor")
        page = await browser.look(FLOW)
        refused = await browser.client.get("/staff/do/pause-flow?flow=cart-abandonment")

    assert "/staff/do/" not in page.text
    assert refused.status_code == 403


@pytest.mark.parametrize("path", ["/staff/flows/no-such-flow", "/staff/contacts/c-nobody"])
async def test_what_is_not_there_is_said_to_be_not_there(
    staffed: Database, clock: FrozenClock, path: str
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        reply = await browser.client.get(path)

    assert reply.status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_shop_that_begins_is_told_so_in_friendly_sentences(
    staffed: Database, clock: FrozenClock, language: str
):
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        texts = [
            await read(browser, path, language=language)
            for path in ("/staff", "/staff/flows", "/staff/contacts")
        ]

    kinds = [("overview", "no_flows"), ("flows", "no_flows"), ("contacts", "nobody_lately")]
    for text, (page, key) in zip(texts, kinds, strict=True):
        assert Words(page, language)(key) in text


async def test_a_flow_that_takes_nobody_says_so(shop: Shop, clock: FrozenClock):
    with shop.database.write() as session:
        for row in session.scalars(select(FlowVersion).where(FlowVersion.flow == "welcome")):
            row.live = False
        session.execute(delete(Switch))
    async with browsing(shop.database, clock) as browser:
        await browser.log_in("viewer")

        assert "takes nobody" in await read(browser, "/staff/flows/welcome")


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_every_step_of_every_flow_is_said_in_both_languages(flow):  # type: ignore[no-untyped-def]
    for language in LANGUAGES:
        words = StepWords(Words("flow", language))
        said = [words.starts(flow), words.hopes(flow), *words.asks(flow)]
        for step in every_step(flow.steps):
            said += [words.says(step), words.moment(flow, step)]
            said += [lead for lead, _ in words.ways(step)]

        assert not [text for text in said if "{" in text or "Error" in text]


def test_every_event_that_is_known_by_an_act_has_one_in_swedish():
    unsaid = [name for name in ACTS if f'"{name}"' in they_do(EventPattern(name=name))]

    assert unsaid == []


@pytest.mark.parametrize(
    ("email", "role", "shown"),
    [("anna@x.se", Role.VIEWER, "a…@x.se"), ("anna@x.se", Role.EDITOR, "anna@x.se"),
     (None, Role.OPERATOR, ""), ("@x.se", Role.VIEWER, "…@x.se")],
)  # fmt: skip
def test_an_address_is_masked_for_whoever_may_only_look(email, role, shown):  # type: ignore[no-untyped-def]
    assert masked(email, role) == shown


#: A value for each field that a condition cannot do without.
GIVEN = {
    "within": timedelta(days=2), "ahead": timedelta(days=2), "overdue": timedelta(days=3),
    "pattern": EventPattern(name="page"), "condition": Subscribed(), "conditions": (Subscribed(),),
    "times": 2, "measure": "total", "level": "active", "share": 0.05,
}  # fmt: skip


CONDITIONS = [kind for each in get_args(Condition) for kind in get_args(each) or (each,)]


@pytest.mark.parametrize("kind", CONDITIONS, ids=lambda kind: kind.__name__)
def test_every_kind_of_condition_can_be_said_in_both_languages_and_of_its_opposite(kind: type[Any]):
    given = {
        field.name: GIVEN.get(field.name, 3 if field.type is int else "x")
        for field in fields(kind)
        if field.name != "kind"
    }
    condition = kind(**given)
    for language in LANGUAGES:
        words = WORDINGS[language]

        assert words.in_force(condition)
        assert words.in_force(condition) != words.in_force(Not(condition=condition))
