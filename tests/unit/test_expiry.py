"""What is old goes, a few rows at a time and each once; what a flow still looks back to stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from sekvens.audiences import rules
from sekvens.audiences.expiry import Expirer
from sekvens.audiences.look_back import check_look_back, flows_in_use, kept_keys, look_back
from sekvens.audiences.reducing import reduced
from sekvens.audiences.tables import dealt_with_until
from sekvens.audiences.wire import added_up
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.tables import Delivery, EnrollmentState
from sekvens.errors import SettingsError
from sekvens.events.tables import ContactEvent, RejectedEvent, Visit
from sekvens.feedback.tables import Feedback
from sekvens.flows.asking import happened, not_
from sekvens.flows.builder import days, event
from sekvens.flows.catalogue import CATALOGUE
from sekvens.sections import PrivacySettings
from sekvens.segments.tables import SegmentStay
from sekvens.send_time.choosing import Choice, keep_choice
from sekvens.send_time.tables import SendTimeChoice
from sekvens.staff import audit
from starter import main
from tests.unit.ingesting import NOON, Shop, alias, identify, track
from tests.unit.relaying import World, cart_flow
from tests.unit.sending import PostOffice

DAY = timedelta(days=1)
BOUGHT = {"order_id": "o", "total": 5, "note": "Till Elsa", "gift": {"to": "Elsa"},
          "products": [{"product_id": "p", "name": "Halsduk", "price": 5}, "rubbish"]}  # fmt: skip
ALL_OFF = dict.fromkeys((rule.setting for rule in rules.RULES), 0)


def expire(database: Database, *, later: timedelta, **privacy: int) -> dict[str, int]:
    """Expire all that is old enough, in batches that end after one transaction."""
    expirer = Expirer(
        database=database,
        clock=FrozenClock(NOON + later),
        privacy=PrivacySettings(**(ALL_OFF | privacy)),
        batch_max=timedelta(0),
    )
    cursor, counts = None, dict[str, int]()
    for _ in range(100):
        result = expirer.batch(cursor, lambda: None)
        cursor, counts = result.cursor, added_up(counts, result.counts)
        if cursor is None:
            return counts
    raise AssertionError("it does not end")


@pytest.fixture
def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop with old things of every kind, and a day later new ones; two rows at a time."""
    monkeypatch.setattr(rules, "ROWS", 2)
    World(database, FrozenClock(NOON), cart_flow())
    shop = Shop(database)
    for day in range(2):
        shop.now = NOON + day * DAY
        shop.post(
            identify("u", email="elsa@kund.example"),
            *({"type": "page", "userId": "u", "messageId": f"page-{day}-{number}",
               "properties": {"url": "https://x/elsa"}} for number in range(3)),
            track("Product Added", ID=f"put-{day}", cart_id=f"k-{day}", name="Halsduk"),
            track("Order Completed", ID=f"order-{day}", **BOUGHT),
            {"type": "track", "userId": "u", "event": "X", "timestamp": "then", "messageId": "x"},
        )  # fmt: skip
    with database.write() as session:
        session.add_all(
            Feedback(id=f"f-{day}-{number}", type="Bounce", kind="bounced",
                     is_ours=True, raw={"to": "elsa"},
                     at=NOON, read_at=NOON + day * DAY + timedelta(seconds=number))
            for day in range(2) for number in range(3)
        )  # fmt: skip
    return shop


def number_of(shop: Shop, table: Any, *where: Any) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(table).where(*where)) or 0


#: Setting -> the rule's name, and what of the first day is gone after a round.
GOING: dict[str, tuple[str, int, Callable[[Shop], bool]]] = {
    "rejected_event_days": ("rejected_events", 1, lambda s: number_of(s, RejectedEvent) == 1),
    "visit_days": ("visits", 3, lambda s: number_of(s, Visit) == 3),
    "feedback_raw_days": ("feedback.raw", 3, lambda s: raws(s) == [{}] * 3 + [{"to": "elsa"}] * 3),
}


def raws(shop: Shop) -> list[Any]:
    with shop.database.read() as session:
        return list(session.scalars(select(Feedback.raw).order_by(Feedback.read_at)))


@pytest.mark.parametrize("setting", GOING)
def test_what_is_older_than_the_setting_goes_and_the_rest_stays(shop: Shop, setting: str):
    rule, rows, is_gone = GOING[setting]
    before = expire(shop.database, later=10 * DAY - timedelta(seconds=1), **{setting: 10})
    first = expire(shop.database, later=10.5 * DAY, **{setting: 10})
    again = expire(shop.database, later=10.5 * DAY, **{setting: 10})

    assert (before, first, again) == ({}, {rule: rows}, {})
    assert is_gone(shop)


def test_of_an_old_event_ids_and_sums_stay_and_the_order_is_added_up_as_before(shop: Shop):
    orders = [row[:4] for row in shop.orders()]
    expire(shop.database, later=100.5 * DAY, event_properties_days=100)
    with shop.database.read() as session:
        rows = session.scalars(select(ContactEvent).order_by(ContactEvent.id)).all()
        kept = {row.message_id: row.properties for row in rows}
    shop.post(alias("u", "v"), track("Order Completed", ago=60 * 24 * 99, order_id="late"))

    assert kept["order-0"] == {
        "order_id": "o", "total": 5, "products": [{"product_id": "p", "price": 5}],
    }  # fmt: skip
    assert kept["order-1"] == BOUGHT
    assert kept["page-0-0"] == {}
    assert kept["put-0"] == {"cart_id": "k-0"}
    assert [row[:4] for row in shop.orders()][-1:] == orders


def test_a_round_goes_on_behind_what_it_has_dealt_with(shop: Shop):
    first = expire(shop.database, later=100.5 * DAY, event_properties_days=100)
    again = expire(shop.database, later=100.6 * DAY, event_properties_days=100)
    rest = expire(shop.database, later=102 * DAY, event_properties_days=100)

    assert again == {}
    assert first["events.properties"] + rest["events.properties"] == number_of(shop, ContactEvent)


def test_chosen_hours_go_by_the_day_of_the_choice(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rules, "ROWS", 2)
    office, chosen = PostOffice(sqlite_database), Choice(at=NOON, cohort=None)
    with sqlite_database.write() as session:
        for number in range(5):
            keep_choice(
                session, chosen, enrollment_id="e-1", step_id=f"w-{number}",
                contact_id=office.contact_id, now=NOON + number * DAY,
            )  # fmt: skip
    before = expire(sqlite_database, later=120 * DAY, send_time_choice_days=120)
    gone = expire(sqlite_database, later=122.5 * DAY, send_time_choice_days=120)

    assert (before, gone) == ({}, {"send_time_choices": 3})
    with sqlite_database.read() as session:
        assert sorted(session.scalars(select(SendTimeChoice.step_id))) == ["w-3", "w-4"]


def test_of_stays_those_that_are_over_for_long_go_and_who_is_in_a_segment_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rules, "ROWS", 2)
    office = PostOffice(database)
    with database.write() as session:
        session.add_all(
            SegmentStay(contact_id=office.contact_id, segment=f"s-{number}", since=NOON - 900 * DAY,
                        until=NOON + number * DAY if number else None)
            for number in range(6)
        )  # fmt: skip
    before = expire(database, later=730 * DAY, segment_stay_days=730)
    gone = expire(database, later=733.5 * DAY, segment_stay_days=730)
    again = expire(database, later=733.6 * DAY, segment_stay_days=730)

    assert (before, gone, again) == ({}, {"segment_stays": 3}, {})
    with database.read() as session:
        assert sorted(session.scalars(select(SegmentStay.segment))) == ["s-0", "s-4", "s-5"]
        assert dealt_with_until(session, rules.SEGMENT_STAYS) == NOON + 3 * DAY


def test_the_audit_log_goes_by_the_day_of_the_act(database: Database):
    with database.write() as session:
        for number in range(3):
            audit.begin(session, by="maja", action="stop", on={"flow": "cart"}, says="It stops.",
                        now=NOON + number * DAY)  # fmt: skip
    before = expire(database, later=730 * DAY, audit_log_days=730)
    gone = expire(database, later=731.5 * DAY, audit_log_days=730)

    assert (before, gone) == ({}, {"audit_log": 2})
    with database.read() as session:
        assert [each.at for each in audit.newest(session)] == [NOON + 2 * DAY]


def test_by_default_stays_and_the_audit_log_go_after_two_years():
    assert (PrivacySettings().segment_stay_days, PrivacySettings().audit_log_days) == (730, 730)


async def test_what_was_delivered_goes_but_not_the_exit_of_one_that_goes_on(database: Database):
    world = World(database, FrozenClock(NOON), cart_flow())
    world.contact("c-maja")
    world.happens("c-maja", "Product Added", cart_id="k")
    world.happens("c-maja", "Cart Viewed", times=3)
    world.happens("c-maja", "Order Completed")
    await world.relay_all()
    [enrollment] = world.enrollments()
    first = expire(database, later=8 * DAY, delivery_days=7)
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    then = expire(database, later=8 * DAY, delivery_days=7)

    assert first == {"deliveries": 4}
    assert then == {"deliveries": 1}
    with database.read() as session:
        assert session.scalars(select(Delivery)).all() == []


def test_what_the_relay_still_owes_stays(sqlite_database: Database):
    world = World(sqlite_database, FrozenClock(NOON), cart_flow())
    world.contact("c-maja")
    world.happens("c-maja", "Product Added", cart_id="k")
    world.expand_all()

    assert expire(sqlite_database, later=999 * DAY, delivery_days=1) == {}


def test_a_setting_shorter_than_a_flow_looks_back_is_refused_and_does_nothing(
    sqlite_database: Database,
):
    asks = cart_flow(entry=[not_(happened("Order Completed", within=days(200)))])
    World(sqlite_database, FrozenClock(NOON), asks)
    Shop(sqlite_database).post(track("Order Completed", **BOUGHT))
    privacy = PrivacySettings(event_properties_days=199)
    with sqlite_database.read() as session, pytest.raises(SettingsError) as refused:
        check_look_back(privacy, flows_in_use(session))

    assert str(refused.value) == (
        "privacy.event_properties_days is 199, but the flow cart v1 looks back 200 days: set at "
        "least 200, or 0 to keep them for good"
    )
    assert expire(sqlite_database, later=999 * DAY, event_properties_days=199) == {}
    assert expire(sqlite_database, later=999 * DAY, event_properties_days=200) != {}


@pytest.mark.parametrize(("kept", "is_enough"), [(0, True), (89, False), (90, True)])
def test_carts_are_added_up_from_events_of_ninety_days(kept: int, *, is_enough: bool):
    privacy = PrivacySettings(event_properties_days=kept)
    if is_enough:
        check_look_back(privacy, [])
        return

    with pytest.raises(SettingsError, match="carts and open cases look back 90 days"):
        check_look_back(privacy, [])


def test_the_shipped_flows_do_with_the_default():
    check_look_back(PrivacySettings(), CATALOGUE)

    assert max(look_back(flow) for flow in CATALOGUE) > 90 * DAY


def test_what_a_flow_tells_events_apart_by_is_kept():
    asks = cart_flow(trigger=event("Product Added", colour="red"), entry_key="basket")
    keys = kept_keys([asks])

    assert keys >= {"colour", "basket"}
    assert reduced({"colour": "red", "size": "M", "basket": "b"}, keys=keys) == {
        "colour": "red", "basket": "b",
    }  # fmt: skip


def test_every_column_with_an_ip_address_has_a_rule():
    names = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if {"ip", "visitor"} & set(column.name.split("_"))
    }

    assert names <= {rule.name for rule in rules.RULES if rule.setting == "ip_days"}


def test_an_ip_address_goes_by_a_rule_of_one_line(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    ips = rules.blanked(Visit.event_id, Visit.at, Visit.url)
    rule = rules.Rule(name="visits.url", setting="ip_days", deal=ips)
    monkeypatch.setattr("sekvens.audiences.expiry.RULES", (rule,))

    assert expire(shop.database, later=40 * DAY, ip_days=30) == {"visits.url": 6}
    assert number_of(shop, Visit, Visit.url.is_not(None)) == 0


def test_publishing_a_flow_that_looks_back_further_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SEKVENS_PRIVACY__EVENT_PROPERTIES_DAYS", "100")

    said = CliRunner().invoke(main, ["flows", "publish"])

    assert said.exit_code == 2
    assert "event_properties_days is 100, but the flow" in said.stderr
