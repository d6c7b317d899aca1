"""Which pages the relay is owed: those that a live flow starts on, or an enrollment listens for."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as sa_event

from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.builder import MARKETING, always, event, exit_on, flow, send
from sekvens.flows.steps import ExitReason
from tests.unit.ingesting import NOON, Shop, alias, identify
from tests.unit.relaying import store_templates


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify("u"))
    return shop


def page(message_id: str, user: str | None = "u", **properties: Any) -> dict[str, Any]:
    ids = {"userId": user, "anonymousId": None if user else "a", "messageId": message_id}
    return {"type": "page", "properties": properties} | ids


def goes_live(shop: Shop, name: str, **changes: Any) -> None:
    made = flow(
        name,
        **{
            "version": 1,
            "purpose": MARKETING,
            "trigger": event("Order Completed"),
            "reentry": always(),
            "steps": [send("hello")],
        }
        | changes,
    )
    with shop.database.write() as session:
        publish(session, made, now=NOON, store_templates=store_templates)


def is_in(shop: Shop, name: str, user: str = "u", state: str = EnrollmentState.ACTIVE) -> None:
    with shop.database.write() as session:
        session.add(
            Enrollment(
                id=f"e-{name}-{user}-{state}",
                flow=name,
                flow_version=1,
                contact_id=shop.contact_id(user),
                workflow_id=f"{name}/{user}",
                state=state,
                started_at=NOON,
            )
        )


ANY_PAGE = {"exit_when": [exit_on("page", ExitReason.NO_LONGER_MATCHES)]}


def test_a_page_that_a_live_flow_starts_on_is_owed_and_others_are_not(shop: Shop) -> None:
    goes_live(shop, "owner-visits", trigger=event("page", category="warranty"))
    shop.post(page("1", category="Warranty"), page("2", category="press"), page("3"))

    assert shop.outbox() == ["1"]


def test_a_page_without_what_tells_entries_apart_starts_nothing_and_is_not_owed(
    shop: Shop,
) -> None:
    goes_live(shop, "owner-visits", trigger=event("page"), entry_key="product_id")
    shop.post(page("1", product_id="p-1"), page("2"), page("3", product_id={"id": "p-1"}))

    assert shop.outbox() == ["1"]


def test_any_page_of_whoever_is_in_a_flow_that_listens_for_pages_is_owed(shop: Shop) -> None:
    goes_live(shop, "sunset", **ANY_PAGE)
    is_in(shop, "sunset")
    shop.post(page("1"), identify("v"), page("2", "v"))

    assert (shop.outbox("u"), shop.outbox("v")) == (["1"], [])


def test_pages_of_whoever_has_left_or_is_in_a_deaf_flow_are_not_owed(shop: Shop) -> None:
    goes_live(shop, "sunset", **ANY_PAGE)
    goes_live(shop, "deaf")
    is_in(shop, "sunset", state=EnrollmentState.ENDED)
    is_in(shop, "deaf")
    shop.post(page("1"))

    assert shop.outbox() == []


def test_an_enrollment_of_whoever_was_merged_away_listens_all_the_same(shop: Shop) -> None:
    goes_live(shop, "sunset", **ANY_PAGE)
    shop.now += timedelta(minutes=1)  # the younger is merged into the older
    shop.post(identify("v"))
    is_in(shop, "sunset", "v")
    shop.post(alias("v", "u"))
    shop.post(page("1", "v"))

    assert shop.outbox() == ["1"]


def test_a_visitors_pages_are_owed_once_they_are_known(shop: Shop) -> None:
    goes_live(shop, "owner-visits", trigger=event("page", category="press"))
    shop.post(page("1", None, category="press"))
    shop.post(identify("w", anon="a"))

    assert shop.outbox("w") == ["1"]


def test_however_many_pages_cost_two_questions(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(*[identify(f"u{number}") for number in range(20)])
    asked: list[str] = []

    def note(*args: Any) -> None:
        asked.append(args[2])

    sa_event.listen(shop.database.engine, "before_cursor_execute", note)
    shop.post(*[page(f"{number}", f"u{number % 20}") for number in range(100)])

    about_flows = [statement for statement in asked if "flow_versions" in statement]
    assert len(about_flows) == 2
