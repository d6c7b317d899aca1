"""Looking ahead from a real database: who would enter, what they would get, and nothing written."""

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from sekvens.clock import FrozenClock
from sekvens.commands.resources import publish_flows
from sekvens.contacts.tables import Consent, Contact, LegalBasis
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import OutboxEntry
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.messages.tables import Message, MessageState
from sekvens.predictions.kinds import Kind
from sekvens.products.tables import Product
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.segments.figures import Foretold
from sekvens.segments.tables import ShopFigure
from sekvens.settings import load_settings
from sekvens.simulator.looking_ahead import Ahead, look_ahead
from sekvens.simulator.moments import What
from starter import main
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.predicting import store_foretold

DAY = timedelta(days=1)


@pytest.fixture
def shop(database: Database) -> Shop:
    publish_flows(database, FrozenClock(NOON))
    return Shop(database)


def look(shop: Shop, days: int = 30) -> Ahead:
    return look_ahead(shop.database, load_settings({}), now=NOON, days=days)


def subscriber(shop: Shop, user: str, *, ago: timedelta = DAY, **traits: Any) -> str:
    shop.post(identify(user, email=f"{user}@kund.example", timezone="Europe/Helsinki", **traits))
    shop.post(track("Email Subscribed", user, ago=int(ago / timedelta(minutes=1))))
    return shop.contact_id(user)


def welcomed(shop: Shop, contact_id: str, **values: Any) -> None:
    """Write somebody who got the first e-mail of the welcome a day ago."""
    given = {
        "flow": "welcome", "flow_version": 3, "step_id": "until-day-two",
        "started_at": NOON - DAY, "next_send_at": NOON - DAY + timedelta(days=1.5),
        "workflow_id": f"welcome/{contact_id}",
    }  # fmt: skip
    with shop.database.write() as session:
        session.add(Enrollment(id=f"e-{contact_id}", contact_id=contact_id, **(given | values)))
        session.flush()
        session.add(
            Message(
                id=f"m-{contact_id}", enrollment_id=f"e-{contact_id}", step_id="hello",
                contact_id=contact_id, flow="welcome", flow_version=3, template="welcome/hello",
                template_digest="", purpose="marketing", state=MessageState.ACCEPTED,
                claimed_at=NOON - DAY, sent_on=NOON - DAY,
            )
        )  # fmt: skip


def counted(ahead: Ahead, what: What) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for (flow, step, kind, _reason), times in ahead.outcome.counts.items():
        if kind is what:
            found[flow, step] = found.get((flow, step), 0) + times
    return found


def test_who_is_under_way_goes_on_from_where_they_stand(shop):
    welcomed(shop, subscriber(shop, "maja"))

    ahead = look(shop)

    assert counted(ahead, What.SENT) == {
        ("welcome", "who-we-are"): 1, ("welcome", "what-others-say"): 1,
        ("welcome", "a-code-for-you"): 1, ("welcome", "last-day"): 1,
    }  # fmt: skip
    assert counted(ahead, What.ENTERS) == {}
    # The day after tomorrow's nine o'clock in Helsinki is seven in UTC.
    first = min(ahead.outcome.per_hour)
    assert first == (NOON + DAY).replace(hour=7)


def test_who_left_or_unsubscribed_or_stands_parked_gets_nothing(shop):
    welcomed(shop, subscriber(shop, "a"), state=EnrollmentState.ENDED, exit_reason="converted")
    welcomed(shop, subscriber(shop, "b"), state=EnrollmentState.PARKED, parked_reason="template")
    welcomed(shop, subscriber(shop, "c"), exit_owed="superseded")
    gone = subscriber(shop, "d")
    shop.post(track("Unsubscribed", "d"))
    welcomed(shop, gone)

    ahead = look(shop)

    assert ahead.outcome.contacts == 4
    assert counted(ahead, What.SENT) == {}


def test_a_scan_would_find_whom_it_would_find(shop):
    subscriber(shop, "old", ago=200 * DAY)
    shop.post(track("Order Completed", "old", ago=100 * 24 * 60, order_id="o-1"))
    subscriber(shop, "new")

    ahead = look(shop)

    assert counted(ahead, What.ENTERS)["winback", ""] == 1
    assert counted(ahead, What.SENT)["winback", "why-you-chose-us"] == 1


def test_categories_vips_and_predictions_are_those_of_the_database(shop):
    flows = ("post-purchase-first", "post-purchase-returning", "milestones")
    steps = ("until-two-days-after", "delivered", "until-two-months")
    for user, flow, step in zip(("socks", "vip", "soon"), flows, steps, strict=True):
        whose = subscriber(shop, user)
        welcomed(shop, whose, flow=flow, flow_version=3, step_id=step, next_send_at=NOON + DAY)
    socks = {"products": [{"product_id": "p-1"}], "total": 100}
    for user, number in (("socks", 1), ("vip", 2), ("vip", 3)):
        shop.post(track("Order Completed", user, ago=2 * 24 * 60, order_id=f"o-{number}", **socks))
    with shop.database.write() as session:
        known = {"titles": {}, "locale": "sv", "first_seen_on": NOON, "in_stock": True}
        session.add(Product(id="p-1", category="socks", **known))
        session.add(ShopFigure(name="top_share/0.05", value=20_000, computed_at=NOON))
        soon = Foretold(NOON, NOON + 20 * DAY)
        store_foretold(session, shop.contact_id("soon"), Kind.NEXT_ORDER, soon)

    sent = counted(look(shop, days=12), What.SENT)
    assert sent["post-purchase-first", "socks-that-last"] == 1
    assert sent["post-purchase-returning", "from-the-one-who-made-it"] == 1
    assert sent["milestones", "three-months"] == 1


def test_the_cap_counts_what_has_been_sent_already(shop):
    whose = subscriber(shop, "maja")
    welcomed(shop, whose, next_send_at=NOON, step_id="who-we-are")
    with shop.database.write() as session:
        session.get_one(Message, f"m-{whose}").sent_on = NOON - timedelta(hours=1)

    ahead = look(shop, days=2)

    assert min(ahead.outcome.per_hour) > NOON + timedelta(hours=12)


def test_topics_sales_stock_and_addresses_count_as_they_do_at_the_gate(shop):
    for user in ("left-out", "by-sale", "nowhere", "wants-it"):
        welcomed(shop, subscriber(shop, user), next_send_at=NOON, step_id="who-we-are")
    wanted = {"topics": {"news": False}}
    shop.post(track("Email Preferences Changed", "left-out", ago=60, **wanted))
    with shop.database.write() as session:
        session.get_one(Contact, shop.contact_id("nowhere")).email = None
        consent = session.get_one(Consent, (shop.contact_id("by-sale"), "marketing"))
        consent.basis = LegalBasis.EARLIER_SALE

    ahead = look(shop, days=2)

    assert counted(ahead, What.SENT)["welcome", "who-we-are"] == 1
    assert skipped(ahead) == {("welcome", "no_consent"): 2, ("welcome", "no_address"): 1}


def skipped(ahead: Ahead) -> dict[tuple[str, str], int]:
    """Count the contacts to whom a first e-mail was not sent, by flow and reason."""
    found: dict[tuple[str, str], int] = {}
    for (flow, step, kind, reason), times in ahead.outcome.counts.items():
        if kind is What.SKIPPED and step == "who-we-are":
            found[flow, reason] = found.get((flow, reason), 0) + times
    return found


def test_a_cart_of_what_is_sold_out_is_not_reminded_of(shop):
    for user, product in (("one", "p-gone"), ("other", "p-here")):
        subscriber(shop, user)
        shop.post(track("Product Added", user, ago=5, cart_id=f"c-{user}", product_id=product))
        welcomed(
            shop,
            shop.contact_id(user),
            flow="cart-abandonment",
            flow_version=CART_ABANDONMENT.version,
            step_id="your-cart-misses-you",
            entry_key=f"c-{user}",
            next_send_at=NOON,
            workflow_id=f"cart-abandonment/{user}",
        )
    with shop.database.write() as session:
        for product, is_here in (("p-gone", False), ("p-here", True)):
            session.add(
                Product(id=product, titles={}, in_stock=is_here, locale="sv", first_seen_on=NOON)
            )

    ahead = look(shop, days=2)

    assert counted(ahead, What.SENT)["cart-abandonment", "your-cart-misses-you"] == 1
    left = ahead.outcome.counts
    assert left["cart-abandonment", "", What.LEFT, "no_longer_matches"] == 1


def test_the_command_counts_for_each_hour_beside_what_ses_takes_and_writes_nothing(
    shop, monkeypatch, tmp_path
):
    welcomed(shop, subscriber(shop, "maja"))
    with shop.database.write() as session:
        session.add(SesQuota(id=THE_ACCOUNT, asked_at=NOON, send_rate_max=14.0, day_max=50_000.0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "SEKVENS_DATABASE__URL", shop.database.engine.url.render_as_string(hide_password=False)
    )
    before = contents(shop.database)

    told = CliRunner().invoke(main, ["simulate", "--from-db", "--days", "20"])

    assert told.exit_code == 0, told.output
    assert "1 contacts, " in told.output
    assert "of 14 that SES takes" in told.output
    assert "of 50,000 a day" in told.output
    assert "maja" not in told.output
    assert contents(shop.database) == before


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def test_looking_ahead_writes_nothing(shop):
    welcomed(shop, subscriber(shop, "maja"))
    before = rows(shop.database)

    look(shop)

    assert rows(shop.database) == before
    assert before[OutboxEntry.__tablename__] > 0


def rows(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
