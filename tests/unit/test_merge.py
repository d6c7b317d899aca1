"""Two contacts turn out to be one: of two passages through a flow the younger leaves, in time."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Consent, ConsentChange, ConsentStatus, Suppression
from sekvens.db.session import Database
from sekvens.enrollments.tables import Delivery, EnrollmentState
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.flows.builder import always, once
from sekvens.flows.outcomes import Sent, Skipped, SkipReason
from sekvens.flows.steps import ExitReason
from tests.chaos.races import Fact, Races
from tests.unit.ingesting import NOON, Shop, alias, identify, track
from tests.unit.relaying import World, cart_flow
from tests.unit.sending import PostOffice

MINUTE = timedelta(minutes=1)


class Family:
    """Two contacts whose events the relay has worked off, and who turn out to be one."""

    def __init__(
        self, database: Database, *, carts: tuple[str, str] = ("k", "k"), **flow: Any
    ) -> None:
        self.world = World(database, FrozenClock(NOON), cart_flow(**flow))
        self.shop = Shop(database)
        for user, cart in zip(("old", "young"), carts, strict=True):
            self.shop.post(
                identify(user, email=f"{user}@kund.example"),
                track("Product Added", user, cart_id=cart, product_id="p"),
            )
            self.world.expand_all()
            self.world.clock.move(MINUTE)
            self.shop.now = self.world.clock.now()

    def merge(self) -> None:
        self.shop.post(alias("old", "young"))

    def owed(self) -> dict[str, str | None]:
        """Tell, by user at the time, what exit each enrollment is owed."""
        return {row.contact_id: row.exit_owed for row in self.world.enrollments()}


@pytest.fixture
def family(database: Database) -> Family:
    return Family(database)


async def test_the_younger_passage_leaves_as_superseded_and_the_older_goes_on(family: Family):
    await family.world.relay_all()
    old, young = family.shop.contact_id("old"), family.shop.contact_id("young")
    family.merge()
    await family.world.deliver_all(passes=2)

    ends = {
        run.start.input.contact_id: [event.exit_reason for event in run.events_seen()]
        for run in family.world.temporal.all_executions
    }
    assert family.owed() == {old: None, young: "superseded"}
    assert ends == {old: [], young: ["superseded"]}


async def test_one_that_has_not_even_started_is_started_and_told_at_once(family: Family):
    young = family.shop.contact_id("young")
    family.merge()
    await family.world.deliver_all(passes=2)

    [run] = [
        run for run in family.world.temporal.all_executions
        if run.start.input.contact_id == young
    ]  # fmt: skip
    assert run.events_seen()[-1].exit_reason == ExitReason.SUPERSEDED


def test_what_comes_afterwards_reaches_the_one_that_goes_on(family: Family):
    family.merge()
    family.shop.post(track("Order Completed", "young", order_id="1"))
    family.world.expand_all()
    [stays] = [row for row in family.world.enrollments() if row.exit_owed is None]

    with family.shop.database.read() as session:
        query = select(Delivery.matched).where(Delivery.enrollment_id == stays.id)
        assert ["Order Completed"] in session.scalars(query).all()


@pytest.mark.parametrize(
    ("flow", "carts", "leave"),
    [
        ({"reentry": always()}, ("k-1", "k-2"), 0),
        ({"reentry": always()}, ("k", "k"), 1),
        ({"reentry": once()}, ("k-1", "k-2"), 1),
    ],
    ids=["two carts at once", "the same cart", "once in a lifetime"],
)
def test_whoever_may_be_in_the_flow_twice_stays(sqlite_database: Database, flow, carts, leave):
    family = Family(sqlite_database, carts=carts, **flow)
    family.merge()

    assert [*family.owed().values()].count("superseded") == leave


def test_a_passage_that_is_over_is_in_nobodys_way(sqlite_database: Database):
    family = Family(sqlite_database)
    [first, _] = sorted(family.world.enrollments(), key=lambda row: row.started_at)
    family.world.set(first.id, state=EnrollmentState.ENDED)
    family.merge()

    assert "superseded" not in family.owed().values()


def test_a_second_merge_owes_nothing_twice(sqlite_database: Database):
    family = Family(sqlite_database)
    family.merge()
    family.shop.post(identify("third"), alias("third", "old"))

    with sqlite_database.read() as session:
        exits = session.scalars(select(Delivery.exit_reason).where(Delivery.urgent)).all()
    assert exits == ["superseded"]


def test_the_relay_and_a_merge_take_turns(database: Database):
    if database.is_sqlite:
        pytest.skip("on SQLite one writes at a time anyway")
    family = Family(database)
    merging = threading.Thread(target=family.merge)
    with database.write() as session:
        take_turn(session, Turn.EXPAND)
        merging.start()
        merging.join(0.5)
        is_waiting = merging.is_alive()
    merging.join()

    assert is_waiting
    assert "superseded" in family.owed().values()


def consents(shop: Shop, **status: str) -> None:
    """Give each user's contact a consent for a purpose, named `user_purpose`."""
    with shop.database.write() as session:
        for name, value in status.items():
            user, _, purpose = name.partition("_")
            session.add(
                Consent(
                    contact_id=shop.contact_id(user),
                    purpose=purpose,
                    status=ConsentStatus(value),
                    changed_at=NOON,
                )
            )


def test_the_stricter_consent_wins_for_each_purpose_and_the_evidence_says_whence(
    sqlite_database: Database,
):
    shop = Shop(sqlite_database)
    shop.post(track("Email Subscribed", "old"), track("Unsubscribed", "young"))
    consents(shop, old_news="unsubscribed", young_news="subscribed", young_sale="subscribed")
    young = shop.contact_id("young")
    shop.post(alias("old", "young"))

    with sqlite_database.read() as session:
        stand = {row.purpose: row.status for row in session.scalars(select(Consent))}
        told = {(row.purpose, row.status, row.source, row.event_id == young)
                for row in session.scalars(select(ConsentChange))}  # fmt: skip
    assert stand == {
        "marketing": "unsubscribed", "news": "unsubscribed", "sale": "subscribed"
    }  # fmt: skip
    assert {row[:3] for row in told} >= {
        ("marketing", "subscribed", "api"), ("marketing", "unsubscribed", "api"),
    }  # fmt: skip
    assert {row[1] for row in told if row[2] == "merge"} <= {"unsubscribed", "subscribed"}


@pytest.mark.parametrize(("reason", "addresses"), [("complaint", 2), ("manual", 2), ("bounce", 1)])
def test_a_no_of_the_person_holds_for_the_address_that_stands(
    sqlite_database: Database, reason: str, addresses: int
):
    shop = Shop(sqlite_database)
    shop.post(
        identify("old", ago=9, email="old@kund.example"),
        track("Contact Suppressed", "old", ago=8, reason=reason),
        identify("young", ago=1, email="new@kund.example"),
    )
    shop.post(alias("old", "young"))

    with sqlite_database.read() as session:
        assert len(session.scalars(select(Suppression)).all()) == addresses


@pytest.mark.parametrize("reasons", [("inactive", "manual"), ("manual", "inactive")])
def test_of_two_suppressions_that_wait_for_an_address_the_stricter_stays(
    sqlite_database: Database, reasons
):
    shop = Shop(sqlite_database)
    for user, reason in zip(("old", "young"), reasons, strict=True):
        shop.post(identify(user), track("Contact Suppressed", user, reason=reason))
        shop.now += MINUTE
    shop.post(alias("old", "young"), identify("old", email="a@kund.example"))

    with sqlite_database.read() as session:
        assert session.scalars(select(Suppression.reason)).all() == ["manual"]


@pytest.fixture
def races(database: Database) -> Iterator[Races]:
    races = Races(database)
    yield races
    races.close()


def test_ses_takes_nothing_of_the_younger_after_a_merge_has_been_acknowledged(races: Races):
    done = races.run([Fact.MERGE] * 4)

    assert not [race for race in done if race.is_lost]
    for outcome in (race.outcome for race in done if not isinstance(race.outcome, Sent)):
        assert isinstance(outcome, Skipped)
        assert outcome.exit is ExitReason.SUPERSEDED


def test_the_gate_reads_it_though_nobody_has_told_the_workflow(sqlite_database: Database):
    office = PostOffice(sqlite_database)
    office.enroll("e-0", office.subscriber("before"), started_at=NOON - MINUTE)
    office.shop.post(alias("before", "u"))

    outcome = office.send()

    assert isinstance(outcome, Skipped)
    assert (outcome.reason, outcome.exit) == (SkipReason.EXITED, ExitReason.SUPERSEDED)
