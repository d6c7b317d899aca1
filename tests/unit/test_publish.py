import threading

import pytest
from sqlalchemy import func, select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.publish import (
    live_flow,
    live_flows,
    make_live,
    publish,
    publish_catalogue,
)
from sekvens.enrollments.tables import FlowVersion
from sekvens.errors import FlowConflict, UnknownFlow
from sekvens.flows.builder import send
from sekvens.flows.definition import Flow
from tests.conftest import NOON
from tests.unit.relaying import cart_flow, store_templates


def publishes(database: Database, *flows: Flow) -> None:
    with database.write() as session:
        publish_catalogue(session, flows, now=NOON, store_templates=store_templates)


def live_versions(database: Database) -> list[int]:
    with database.read() as session:
        return [published.flow.version for published in live_flows(session)]


def test_a_published_flow_comes_back_as_it_was_written(database: Database):
    publishes(database, cart_flow())
    with database.read() as session:
        [published] = live_flows(session)

    assert published.flow == cart_flow()
    assert published.graph.first == "settle"
    assert published.templates == {"cart/your-cart": "digest of cart/your-cart"}


def test_publishing_the_same_again_changes_nothing(database: Database):
    publishes(database, cart_flow())
    publishes(database, cart_flow())

    assert live_versions(database) == [1]


def test_the_same_number_with_another_definition_is_refused_with_a_remedy(database: Database):
    publishes(database, cart_flow())
    with pytest.raises(FlowConflict, match=r"cart v1 .* its definition.* set version=2"):
        publishes(database, cart_flow(steps=[send("your-cart")]))

    assert live_versions(database) == [1]


def test_the_same_number_with_a_changed_email_is_refused_and_names_it(database: Database):
    publishes(database, cart_flow())
    edited = {"cart/your-cart": "another digest"}
    with (
        database.write() as session,
        pytest.raises(FlowConflict, match=r"differs in cart/your-cart\."),
    ):
        publish(session, cart_flow(), now=NOON, store_templates=lambda *_, **__: edited)


def test_a_newer_version_is_live_and_the_only_one(database: Database):
    publishes(database, cart_flow())
    publishes(database, cart_flow(), cart_flow(version=2))

    assert live_versions(database) == [2]


def test_an_operators_choice_of_an_older_version_survives_a_restart(database: Database):
    publishes(database, cart_flow(), cart_flow(version=2))
    with database.write() as session:
        make_live(session, "cart", 1)
    publishes(database, cart_flow(), cart_flow(version=2))

    assert live_versions(database) == [1]


def test_an_older_version_published_late_does_not_become_live(database: Database):
    publishes(database, cart_flow(version=2))
    publishes(database, cart_flow())

    assert live_versions(database) == [2]


def test_what_is_not_published_is_said_by_name(database: Database):
    with database.write() as session:
        with pytest.raises(UnknownFlow, match="winter"):
            live_flow(session, "winter")
        with pytest.raises(UnknownFlow, match="winter v3"):
            make_live(session, "winter", 3)


def test_services_that_start_together_publish_once(database: Database, clock: FrozenClock):
    publishing = [
        threading.Thread(target=publishes, args=(database, cart_flow())) for _ in range(6)
    ]
    for thread in publishing:
        thread.start()
    for thread in publishing:
        thread.join()

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FlowVersion)) == 1


def publishes_without(database: Database, *off: str) -> None:
    with database.write() as session:
        publish_catalogue(
            session, [cart_flow()], now=NOON, store_templates=store_templates, off=off
        )


def test_a_flow_that_is_off_takes_nobody_and_takes_them_again_when_it_is_on(database: Database):
    publishes_without(database, "cart")
    while_off = live_versions(database)
    publishes_without(database)

    assert while_off == []
    assert live_versions(database) == [1]


def test_switching_off_what_is_no_flow_is_refused_and_nothing_is_published(database: Database):
    with pytest.raises(UnknownFlow, match=r"switch off wellcome .* `starter.py flows list`"):
        publishes_without(database, "wellcome")

    assert live_versions(database) == []
