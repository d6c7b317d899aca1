"""What Shopify passes on of the law of privacy: who is forgotten at once, what waits for whom."""

import logging

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from sekvens.contacts.requests import PrivacyRequest, RequestKind, finish, open_requests
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from tests.unit.ingesting import NOON, Shop, identify
from tests.unit.platforms import EMAIL, REDACT, SHOPIFY_ORDER, changed
from tests.unit.test_web_adapters import BUYER, shopify

ORDER = ("orders/create", SHOPIFY_ORDER, "e1")
OF_THE_SHOP = {"shop_id": 954001, "shop_domain": "hallgrensylle.myshopify.com"}


def recorded(database: Database) -> list[tuple[str, str | None, bool]]:
    with database.read() as session:
        rows = session.scalars(select(PrivacyRequest).order_by(PrivacyRequest.asked_at))
        return [(row.kind, row.contact_id, row.done_at is not None) for row in rows]


def everything(database: Database) -> str:
    """Tell all that is held of contacts and events, as one text."""
    with database.read() as session:
        contacts = [
            (row.email, row.first_name, row.traits) for row in session.scalars(select(Contact))
        ]
        events = [row.properties for row in session.scalars(select(ContactEvent))]
    return f"{contacts} {events}"


async def test_a_customer_who_is_to_be_forgotten_is_when_it_is_answered(
    database: Database,
) -> None:
    await shopify(database, ORDER)
    contact_id = Shop(database).contact_id(BUYER)
    assert EMAIL in everything(database)
    statuses = await shopify(database, ("customers/redact", REDACT, "e2"))

    assert statuses == [200]
    assert recorded(database) == [("erasure", contact_id, True)]
    assert EMAIL not in everything(database)
    assert "Astrid" not in everything(database)


async def test_a_guest_is_forgotten_by_their_address(sqlite_database: Database) -> None:
    Shop(sqlite_database).post(identify("of another system", email=EMAIL))
    await shopify(
        sqlite_database,
        ("orders/create", changed(SHOPIFY_ORDER, customer=None), "e1"),
        ("customers/redact", changed(REDACT, customer={"email": EMAIL}), "e2"),
    )

    assert [each[0] for each in recorded(sqlite_database)] == ["erasure", "erasure"]
    assert EMAIL not in everything(sqlite_database)


async def test_a_request_that_is_posted_again_is_one(sqlite_database: Database) -> None:
    redact = ("customers/redact", REDACT, "e2")
    statuses = await shopify(sqlite_database, ORDER, redact, redact, ORDER)

    assert statuses == [200] * 4
    assert len(recorded(sqlite_database)) == 1
    # Nor does the order make them known again.
    assert Shop(sqlite_database).contact(BUYER) is None


async def test_one_that_nobody_is_meant_by_is_done(sqlite_database: Database) -> None:
    await shopify(
        sqlite_database,
        ("customers/redact", REDACT, "e1"),
        ("customers/data_request", REDACT, "e2"),
    )

    assert recorded(sqlite_database) == [("erasure", None, True), ("export", None, True)]


async def test_who_asks_what_is_known_of_them_waits_for_a_person(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await shopify(sqlite_database, ORDER, ("customers/data_request", REDACT, "e2"))
    contact_id = Shop(sqlite_database).contact_id(BUYER)

    assert recorded(sqlite_database) == [("export", contact_id, False)]
    assert EMAIL in everything(sqlite_database)
    (said,) = [each for each in caplog.records if "for export waits" in each.getMessage()]
    assert said.__dict__["contact_id"] == contact_id
    assert EMAIL not in caplog.text


async def test_a_shop_that_takes_the_app_away_erases_nothing_by_itself(
    sqlite_database: Database,
) -> None:
    await shopify(sqlite_database, ORDER, ("shop/redact", OF_THE_SHOP, "e2"))

    assert recorded(sqlite_database) == [("shop erasure", None, False)]
    assert EMAIL in everything(sqlite_database)


async def test_what_waits_is_listed_until_somebody_says_that_it_is_done(
    database: Database,
) -> None:
    await shopify(database, ORDER, ("customers/data_request", REDACT, "e2"))
    with database.write() as session:
        (request,) = open_requests(session)
        first, second = (finish(session, request.id, now=NOON) for _ in "ab")

    assert request.kind == RequestKind.EXPORT
    assert (first, second) == (True, False)
    with database.read() as session:
        assert open_requests(session) == []


async def test_the_command_line_lists_and_finishes(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from starter import main

    await shopify(sqlite_database, ORDER, ("customers/data_request", REDACT, "e2"))
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(sqlite_database.engine.url))
    request = recorded_id(sqlite_database)
    listed = CliRunner().invoke(main, ["contacts", "requests"])
    done = CliRunner().invoke(main, ["contacts", "requests", "--done", request])
    again = CliRunner().invoke(main, ["contacts", "requests", "--done", request])

    assert request in listed.output
    assert EMAIL not in listed.output
    assert (done.exit_code, again.exit_code) == (0, 2)


def recorded_id(database: Database) -> str:
    with database.read() as session:
        return session.scalars(select(PrivacyRequest.id)).one()
