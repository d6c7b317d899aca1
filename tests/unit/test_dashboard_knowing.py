"""Pages of experiments, segments, offers and deliverability: what they say, and to whom."""

from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.experiments.plan import of_flow
from sekvens.experiments.tables import ExperimentPlan, ExperimentState
from sekvens.feedback.kinds import ReportKind
from sekvens.staff.tables import Role
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import turn
from tests.unit.experimenting import NAME, WITHIN, Laboratory, halves, way, with_experiment
from tests.unit.ingesting import NOON, Shop, track
from tests.unit.offering import POOL, Till
from tests.unit.relaying import World
from tests.unit.sending import PostOffice
from tests.unit.staffing import add_staff, browsing, quick_scrypt  # noqa: F401  a fixture
from tests.unit.test_reputation_periods import accept, report

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ADDRESSES = (
    "/staff/experiments", "/staff/segments", "/staff/segments/vip", "/staff/offers",
    "/staff/deliverability", "/staff/operations",
)  # fmt: skip


@pytest.fixture
def staffed(sqlite_database: Database) -> Database:
    for role in Role:
        add_staff(sqlite_database, role.value, role=role)
    return sqlite_database


@pytest.fixture
def laboratory(staffed: Database, clock: FrozenClock) -> Laboratory:
    World(staffed, clock, with_experiment())
    return Laboratory(staffed, clock)


async def shown(database: Database, clock: FrozenClock, path: str, *, role: str = "viewer") -> str:
    async with browsing(database, clock) as browser:
        await browser.log_in(role)
        browser.client.cookies.set("sekvens-language", "en")
        reply = await browser.look(path)
    assert reply.status_code == 200, reply.text
    return " ".join(reply.text.split())


async def acted(
    database: Database, clock: FrozenClock, path: str, *, role: str = "operator", **form: str
) -> tuple[str, str]:
    """Ask by an action's address and do it; tell the question, and what is said then."""
    async with browsing(database, clock) as browser:
        await browser.log_in(role)
        browser.client.cookies.set("sekvens-language", "en")
        question = await browser.look(path)
        where, _, query = path.partition("?")
        fields = dict(part.split("=") for part in query.split("&") if part)
        reply = await browser.post(where, **(fields | form))
        after = await browser.look(reply.headers.get("location", "/staff"))
    return " ".join(question.text.split()), " ".join(after.text.split())


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("path", ADDRESSES)
async def test_an_empty_house_is_told_in_a_friendly_sentence(
    staffed: Database, clock: FrozenClock, path: str, language: str
) -> None:
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        browser.client.cookies.set("sekvens-language", language)
        reply = await browser.look(path)

    assert reply.status_code == 200
    assert f'<html lang="{language}">' in reply.text
    # The settings always have offers.
    assert 'class="empty"' in reply.text or path == "/staff/offers"
    assert "style=" not in reply.text


@pytest.mark.parametrize("path", ["experiments/cart/other", "segments/nobody"])
async def test_what_there_is_not_is_not_found(
    staffed: Database, clock: FrozenClock, path: str
) -> None:
    async with browsing(staffed, clock) as browser:
        await browser.log_in("viewer")
        reply = await browser.look(f"/staff/{path}")

    assert reply.status_code == 404


async def test_between_looks_an_experiment_says_no_more_than_the_last_look(
    laboratory: Laboratory, clock: FrozenClock
) -> None:
    groups = laboratory.many(150)
    laboratory.order(*halves(groups, plain=0.2, loud=0.25), after=HOUR)
    before = await shown(laboratory.database, clock, f"/staff/experiments/{NAME}")
    clock.move(WITHIN)
    laboratory.looker().look()
    after = await shown(laboratory.database, clock, f"/staff/experiments/{NAME}")

    assert "Nothing is said before the first look: it is due when 100 contacts count." in before
    assert "Who order" not in before
    assert "It is not yet known which is better." in after
    assert "the next when 200 count" in after
    assert "Not yet known. <span" in after
    assert "points.</span>" in after
    assert "Drawn as planned" in after


async def test_a_holdout_says_what_would_not_have_come_without_it(
    laboratory: Laboratory, clock: FrozenClock
) -> None:
    groups = laboratory.many(300, by=of_flow(with_experiment(holdout=0.4)))
    laboratory.order(*groups["holdout"][:22], *groups["treated"][:120], after=HOUR)
    clock.move(WITHIN)
    said = await shown(laboratory.database, clock, "/staff/experiments/cart")
    listed = await shown(laboratory.database, clock, "/staff/experiments")

    assert "Orders that would not have come without it" in said
    assert "<strong>+" in said
    assert "right 19 times in 20, if it is read once" in said
    assert "Adopt" not in said
    assert "40.0" in listed


async def test_a_split_that_is_not_as_planned_is_said_instead_of_figures(
    laboratory: Laboratory, clock: FrozenClock
) -> None:
    groups = laboratory.many(300, by=of_flow(with_experiment(holdout=0.1)))
    with laboratory.database.write() as session:
        plan = session.get_one(ExperimentPlan, "cart")
        plan.plan = {**plan.plan, "weights": [["holdout", 0.5], ["treated", 0.5]]}
    assert len(groups["holdout"]) < 60
    clock.move(WITHIN)
    said = await shown(laboratory.database, clock, "/staff/experiments/cart")

    assert "nothing here is to be believed" in said
    assert "Orders that would not" not in said


async def test_a_winner_is_adopted_by_an_editor_after_the_question(
    laboratory: Laboratory, clock: FrozenClock
) -> None:
    groups = laboratory.many(220)
    laboratory.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    clock.move(WITHIN)
    laboratory.looker().look()
    viewer = await shown(laboratory.database, clock, f"/staff/experiments/{NAME}")
    path = f"/staff/do/adopt-variant?experiment={NAME}&variant=loud"
    asked, said = await acted(laboratory.database, clock, path, role="editor")

    assert "“loud” is better." in viewer
    assert "do/adopt-variant" not in viewer
    assert "220 contacts have drawn and keep their variant." in asked
    assert "whoever has not drawn gets “loud” from now on" in said
    begun = laboratory.begun()
    assert (begun.state, begun.adopted, begun.decided_by) == ("adopted", "loud", "editor")


async def test_what_no_look_has_shown_is_adopted_only_all_the_same(
    laboratory: Laboratory, clock: FrozenClock
) -> None:
    laboratory.many(10)
    path = f"/staff/do/adopt-variant?experiment={NAME}&variant=loud"
    refused, _ = await acted(laboratory.database, clock, path, role="editor")
    still = laboratory.begun().state
    asked, _ = await acted(laboratory.database, clock, f"{path}&anyway=yes", role="editor")

    assert "No planned look has shown that “loud” is better." in refused
    assert 'action="/staff/do/adopt-variant"' not in refused
    assert still == ExperimentState.RUNNING
    assert "all the same" in asked
    assert laboratory.begun().adopted == "loud"


async def test_names_of_variants_are_escaped(laboratory: Laboratory, clock: FrozenClock) -> None:
    laboratory.many(10)
    with laboratory.database.write() as session:
        begun = session.get_one(ExperimentPlan, NAME)
        evil = "<script>alert(1)</script>"
        begun.plan = {**begun.plan, "weights": [["plain", 1.0], [evil, 1.0]]}
    said = await shown(laboratory.database, clock, f"/staff/experiments/{NAME}", role="editor")

    assert "<script>alert" not in said
    assert "&lt;script&gt;alert" in said
    assert way().variants[0].name in said


async def test_segments_are_counted_and_one_contact_is_explained(
    staffed: Database, clock: FrozenClock
) -> None:
    shop = Shop(staffed)
    shop.post(track("Order Completed", "once", ago=70 * 24 * 60, order_id="o1", total="499.50"))
    contact_id = shop.contact_id("once")
    listed = await shown(staffed, clock, "/staff/segments")
    path = f"/staff/segments/lapsing?contact={contact_id}"
    one = await shown(staffed, clock, path)
    other = await shown(staffed, clock, f"/staff/segments/vip?contact={contact_id}")

    row = 'placed their last order 60 to 180 days ago</td><td class="num">1</td>'
    assert row in listed
    assert f'<a href="/staff/contacts/{contact_id}">{contact_id}</a>' in one
    assert "499" in one
    assert ">in it</span>" in one
    assert ">not in it</span>" in other
    assert "they are not among the 5% of customers who have spent most" in other


@pytest.mark.parametrize("given", ["c-nobody", "maja@kund.example", "<script>alert(1)</script>"])
async def test_who_is_not_known_by_an_id_is_not_explained(
    staffed: Database, clock: FrozenClock, given: str
) -> None:
    said = await shown(staffed, clock, f"/staff/segments/vip?contact={given}")

    assert "No contact has this id." in said
    assert given not in said.replace("No contact", "").partition('id="explain"')[2]


async def test_offers_tell_what_they_cost_and_brought_and_which_pool_is_empty(
    staffed: Database, clock: FrozenClock
) -> None:
    till = Till(staffed)
    till.stock("DORIS-A")
    till.claim("e-1", POOL)
    told = {"order_id": "o-1", "total": 400, "currency": "SEK", "coupon": "DORIS-A"}
    till.shop.post(track("Order Completed", **told, discount="40"))
    said = await shown(staffed, clock, "/staff/offers")

    assert "No code of welcome is left" in said
    assert "100.0" in said
    assert "40" in said
    assert "1 order</span>" in said


async def test_rates_are_held_against_what_ses_and_gmail_bear(
    staffed: Database, clock: FrozenClock
) -> None:
    office = PostOffice(staffed)
    office.clock = clock
    for number in range(10):
        accept(office, f"m-{number}")
    report(office, 1, "m-1", ReportKind.COMPLAINED)
    with staffed.write() as session:
        turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note="10 of 10", now=NOON)
    viewer = await shown(staffed, clock, "/staff/deliverability")
    operator = await shown(staffed, clock, "/staff/deliverability", role="operator")

    assert 'class="tag bad">10.00' in viewer
    assert "far too high" in viewer
    assert "holds marketing" in viewer
    assert "do/resume" not in viewer
    assert "do/resume?what=%2Abreaker" in operator
