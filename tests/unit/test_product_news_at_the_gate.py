"""At the gate: who asked is told without consent, and nobody of what has sold out or gone up."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from sekvens.contacts.tables import Consent
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.catalogue.back_in_stock import BACK_IN_STOCK
from sekvens.flows.catalogue.price_drop import PRICE_DROP
from sekvens.flows.definition import Flow
from sekvens.flows.outcomes import Sent, Skipped
from sekvens.products.tables import ChangeKind, Product, ProductChange
from tests.conftest import NOON
from tests.unit.sending import PostOffice


def office_of(database: Database, flow: Flow) -> PostOffice:
    """An enrollment in a flow that ships, about a cap that costs 80."""
    office = PostOffice(database, flow=replace(flow, name="letters"))
    with database.write() as session:
        session.add(Product(id="cap", titles={}, locale="sv", first_seen_on=NOON, price="80"))
        session.execute(update(Enrollment).values(entry_key="cap"))
        session.flush()
        kind = ChangeKind.PRICE_DROPPED
        session.add(ProductChange(product_id="cap", kind=kind, at=NOON, price="80", contacts=0))
    return office


def now_it(database: Database, **changes: object) -> None:
    with database.write() as session:
        session.execute(update(Product).values(**changes))


def test_who_asked_is_told_without_consent_and_who_only_looked_is_not(sqlite_database: Database):
    office = office_of(sqlite_database, BACK_IN_STOCK)
    office.happens("Product Back In Stock", product_id="cap", because="asked")
    with sqlite_database.write() as session:
        session.execute(update(Consent).values(status="never_subscribed"))

    assert isinstance(office.send("it-is-back"), Skipped)
    assert isinstance(office.send("as-you-asked"), Sent)


@pytest.mark.parametrize(
    ("flow", "step", "changes"),
    [
        (BACK_IN_STOCK, "it-is-back", {"in_stock": False}),
        (PRICE_DROP, "it-costs-less", {"in_stock": False}),
        (PRICE_DROP, "it-costs-less", {"price": "100"}),
        (BACK_IN_STOCK, "it-is-back", None),
        (PRICE_DROP, "it-costs-less", None),
    ],
)
def test_what_has_sold_out_or_gone_up_again_is_not_mailed(
    sqlite_database: Database, flow: Flow, step: str, changes: dict[str, object] | None
):
    office = office_of(sqlite_database, flow)
    if changes:
        now_it(sqlite_database, **changes)
    outcome = office.send(step)

    assert isinstance(outcome, Skipped if changes else Sent)
    if isinstance(outcome, Skipped):
        assert (outcome.reason, outcome.exit) == ("filter", "no_longer_matches")
