"""Bad input is refused with a reason or kept as it is, and never harms what stands beside it."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from sekvens.clock import FrozenClock
from sekvens.commands.resources import publish_flows
from sekvens.db.session import Database
from sekvens.enrollments.publish import PublishedFlow, live_flows
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.testing import FakeTemporal
from sekvens.enrollments.wire import SendInput
from sekvens.errors import TemplateError
from sekvens.events.ingest import ingest_all
from sekvens.events.parse import IncomingEvent, Refused, read_batch
from sekvens.events.relay import Relay
from sekvens.events.segment import Malformed
from sekvens.events.tables import Cart, ContactEvent, Order, OutboxEntry, RejectedEvent
from sekvens.flows.outcomes import Sent
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Send
from sekvens.messages.addresses import usable
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.sections import SendingSettings
from sekvens.ses.testing import FakeSes
from tests.unit.bad_input import (
    ABSURD_DATES,
    BAD_ADDRESSES,
    EVENTS,
    FIELDS,
    ODD_VALUES,
    BadEvent,
    batch,
    good,
)
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.sending import API, NO_CALM


def read(event: BadEvent, user: str) -> list[IncomingEvent | Refused]:
    """Read a batch of one bad event between two good ones."""
    body = batch(good(user, f"{user}-a"), event.body(user), good(user, f"{user}-b"))
    return list(read_batch(body, received_at=NOON).events)


@pytest.mark.parametrize("expected", ["refused", "taken"])
def test_each_kind_is_refused_with_a_reason_or_taken_and_leaves_its_neighbours_alone(
    expected: str,
) -> None:
    wanted = Refused if expected == "refused" else IncomingEvent
    kinds = [event for event in EVENTS if event.expected == expected]
    found = {event.kind: [type(each) for each in read(event, "u")] for event in kinds}

    assert len(kinds) > 50
    assert {
        kind: got for kind, got in found.items() if got != [IncomingEvent, wanted, IncomingEvent]
    } == {}


def test_a_reason_quotes_nothing_that_was_posted() -> None:
    refused = [
        each for event in EVENTS for each in read(event, "whoever") if isinstance(each, Refused)
    ]

    assert [item.reason for item in refused if "whoever" in item.reason or "\0" in item.raw] == []


def test_all_of_it_at_once_is_stored_with_every_neighbour(database: Database) -> None:
    batches = [read(event, f"u{number}") for number, event in enumerate(EVENTS)]
    with database.write() as session:
        told = ingest_all(session, batches, now=NOON, shop_time=ShopTime())

    shop = Shop(database)
    refused = sum(event.expected == "refused" for event in EVENTS)
    assert shop.count(RejectedEvent) == refused
    assert sum(one.accepted for one in told) == 3 * len(EVENTS) - refused
    with database.read() as session:
        neighbours = ContactEvent.name == "Product Viewed", ContactEvent.message_id.like("u%")
        assert session.scalar(select(func.count()).where(*neighbours)) == 2 * len(EVENTS)


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_that_ses_would_refuse_is_none(address: str) -> None:
    assert usable(address) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FIELD_VALUES = st.one_of(
    JSON,
    st.sampled_from([*ODD_VALUES.values()]),
    st.sampled_from(ABSURD_DATES),
    st.sampled_from(BAD_ADDRESSES),
)
NAMES = st.sampled_from([*FIELDS, "identify", "page"])


@st.composite
def events(draw: st.DrawFn) -> dict[str, object]:
    """Draw an event of ours whose fields may hold anything."""
    name = draw(NAMES)
    fields = FIELDS.get(name, ("email", "birthday", "url", "category", "timezone"))
    said = draw(st.dictionaries(st.sampled_from(fields) | st.text(), FIELD_VALUES, max_size=6))
    kind = name if name in ("identify", "page") else "track"
    made: dict[str, object] = {"type": kind, "event": name, "properties": said, "traits": said}
    ids = draw(st.sampled_from([{"userId": "odd"}, {"anonymousId": "odd"}, {"userId": 7}]))
    odd = draw(st.dictionaries(st.sampled_from(["messageId", "timestamp", "context"]), JSON))
    return made | ids | odd


POSTED = st.one_of(
    events().map(lambda event: json.dumps(event).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.tuples(st.binary(max_size=30), st.sampled_from([b'"%s"', b"[%s]", b'{"a": %s}', b"%s"])).map(
        lambda made: made[1] % made[0].replace(b"%", b"")
    ),
)


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


_numbers = iter(range(10**9))


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(posted=st.lists(POSTED, min_size=1, max_size=4))
def test_whatever_is_posted_a_good_neighbour_is_stored_or_the_request_is_told_so(
    shop: Shop, posted: list[bytes]
) -> None:
    number = next(_numbers)
    body = batch(*posted, good(f"good-{number}", f"good-{number}"))
    try:
        read = read_batch(body, received_at=NOON).events
    except Malformed:
        return  # 400: nothing of it was taken, and the client knows
    with shop.database.write() as session:
        told = ingest_all(session, [list(read)], now=NOON, shop_time=ShopTime())[0]

    assert told.accepted + told.rejected + told.duplicates == len(read)
    assert shop.outbox(f"good-{number}") == [f"good-{number}"]


class Letters:
    """The shipped flows and e-mails, for contacts whose facts are odd."""

    def __init__(self, database: Database) -> None:
        self.shop, self.database, self.clock = Shop(database), database, FrozenClock(NOON)
        publish_flows(database, self.clock)
        with database.read() as session:
            self.flows = live_flows(session)
        self.ses = FakeSes()
        self.envelope = Envelope(database=database, shop=sample_shop(), api=API)
        self.sender = Sender(
            database=database,
            ses=self.ses,
            clock=self.clock,
            envelope=self.envelope,
            sending=SendingSettings(production=True, **NO_CALM),
        )

    def customer(self, user: str) -> str:
        """Let somebody subscribe, look, put something into a cart and order it."""
        thing = {"product_id": "p-1", "name": "Tröja", "price": 10}
        self.shop.post(
            identify(user, email=f"{user}@kund.example", first_name="Maja"),
            track("Email Subscribed", user, ago=60),
            track("Product Added", user, cart_id="c-1", ago=50, **thing),
            track("Order Completed", user, order_id=f"o-{user}", products=[thing], ago=40),
            track("Product Added", user, cart_id="c-2", ago=30, **thing),
        )
        return self.shop.contact_id(user)

    def headers(self, order: SendInput) -> str:
        """Make an e-mail without asking the gate, and tell its headers."""
        raw = self.envelope.fill(order, "m-1", "maja@kund.example").raw
        return raw.decode().replace("\r\n", "\n").partition("\n\n")[0]

    def everywhere(self, contact_id: str) -> Iterator[SendInput]:
        """Order every e-mail of every flow for a contact, about their newest cart and order."""
        with self.database.read() as session:
            carts = session.scalars(select(Cart.cart_id).where(Cart.contact_id == contact_id)).all()
            orders = session.scalars(
                select(Order.order_id).where(Order.contact_id == contact_id)
            ).all()
        keys = {"cart_id": carts[-1], "order_id": orders[-1], "product_id": "p-1"}
        for published in self.flows:
            yield from self.orders(published, contact_id, keys)

    def orders(
        self, published: PublishedFlow, contact_id: str, keys: dict[str, str]
    ) -> Iterator[SendInput]:
        """Order every e-mail of one flow."""
        flow = published.flow
        enrollment_id = f"e-{flow.name}-{contact_id}"
        with self.database.write() as session:
            session.add(
                Enrollment(
                    id=enrollment_id,
                    flow=flow.name,
                    flow_version=flow.version,
                    contact_id=contact_id,
                    entry_key=keys.get(flow.entry_key or ""),
                    workflow_id=f"{flow.name}/{contact_id}",
                    step_id=published.graph.first,
                    started_at=NOON,
                )
            )
        for step in published.graph.steps.values():
            if isinstance(step, Send):
                template = flow.template_of(step)
                yield SendInput(
                    enrollment_id=enrollment_id,
                    contact_id=contact_id,
                    flow=flow.name,
                    flow_version=flow.version,
                    step_id=step.id,
                    template=template,
                    template_digest=published.templates[template],
                    purpose=flow.purpose_of(step),
                    now=NOON,
                    due_at=NOON,
                    started_at=NOON,
                    offer=step.offer,
                    past_cap=True,
                )


@pytest.fixture
def letters(sqlite_database: Database) -> Letters:
    return Letters(sqlite_database)


def test_whatever_a_field_holds_every_e_mail_can_be_made(letters: Letters) -> None:
    made: list[str] = []
    refused: list[str] = []
    for number, kind in enumerate(ODD_VALUES):
        user = f"u{number}"
        contact_id = letters.customer(user)
        bodies = [event.body(user) for event in EVENTS if event.kind.endswith(f" is {kind}")]
        letters.shop.post(*[json.loads(body) for body in bodies])
        # Each e-mail for every fifth kind, or it would take a minute.
        for order in list(letters.everywhere(contact_id))[number % 5 :: 5]:
            letters.sender.send(order)
            try:
                made.append(letters.headers(order))
            except TemplateError as error:
                refused.append(str(error))

    assert len(made) > 100
    assert [headers for headers in made if "\nbcc:" in headers.lower()] == []
    # A cart of things without names has a sentence of its own.
    assert [why for why in refused if "the cart is gone or empty" not in why] == []


@pytest.mark.parametrize("day", ABSURD_DATES)
def test_whatever_day_a_parcel_is_said_to_come_its_e_mails_leave(
    letters: Letters, day: str
) -> None:
    contact_id = letters.customer("u")
    letters.shop.post(identify("u", timezone="Pacific/Kiritimati"))
    for event, field in (
        ("Order Shipped", "expected_on"),
        ("Order Delayed", "delayed_until"),
        ("Order Ready for Pickup", "pickup_until"),
    ):
        letters.shop.post(track(event, "u", order_id="o-u", **{field: day}))
    orders = [order for order in letters.everywhere(contact_id) if order.flow == "order-updates"]

    assert {type(letters.sender.send(order)) for order in orders} == {Sent}


async def test_the_relay_works_off_whatever_was_stored(letters: Letters) -> None:
    for number, event in enumerate(EVENTS):
        if event.expected == "taken" and number % 4 == 0:
            letters.shop.post(identify(f"u{number}"), json.loads(event.body(f"u{number}")))
    letters.customer("good")
    temporal = FakeTemporal()
    relay = Relay(letters.database, temporal, clock=letters.clock, shop_time=ShopTime())
    while relay.expand_once():
        pass
    while await relay.deliver_once():
        pass

    whose = letters.shop.contact_id("good")
    assert whose in {one.start.input.contact_id for one in temporal.all_executions}
    assert Shop(letters.database).count(OutboxEntry) == 0


def test_an_orders_number_cannot_write_a_header_nor_turn_the_subject_round(
    letters: Letters,
) -> None:
    number = ODD_VALUES["header"]
    contact_id = letters.customer("u")
    letters.shop.post(track("Order Completed", "u", order_id=number))
    flow = next(each for each in letters.flows if each.flow.name == "order-updates")
    confirmation = next(letters.orders(flow, contact_id, {"order_id": number}))

    assert isinstance(letters.sender.send(confirmation), Sent)
    assert letters.ses.accepted[0].mail["Subject"].endswith("Maja Bcc: all@kund.example X: ygnp")
