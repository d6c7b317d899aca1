"""SES refuses or is silent for hours: everything that was due leaves later, or says why it did not.

The hours are virtual, the code is the product's (tests/chaos/virtual_hours.py). Where SES refuses,
it is the local SES behind the real client. Attempts are counted where they arrive: at SES.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.demo.products import read_products
from sekvens.errors import OutcomeUnknown, SesThrottled
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages.patience import ORDER_MAIL_WAIT_MAX, WAIT_MAX
from sekvens.messages.tables import Message, MessageState
from sekvens.sections import FeedbackSettings, SesSettings
from sekvens.ses.client import SesClient
from sekvens.ses.local.server import LocalSes, LocalSesOptions, running_local_ses
from sekvens.ses.testing import FakeSes
from tests.chaos.scale import pick
from tests.chaos.verdicts import record
from tests.chaos.virtual_hours import NOON, VirtualShop, hours
from tests.unit.sending import API

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(600)]

BEGINS = NOON + hours(5)
LASTS = hours(6)
#: Attempts per message in six hours: ten minutes apart in the end, order mail five.
ATTEMPTS_MAX = {Purpose.MARKETING: 50, Purpose.TRANSACTIONAL: 90}
CONTACTS = pick(short=9, long=120)
FEW_CONTACTS = pick(short=3, long=60)
#: … and how long they are without SES.
FEWER_HOURS = pick(short=2, long=6)

FEEDBACK = FeedbackSettings(queue_url="http://127.0.0.1/000000000000/fake")

PRODUCT = read_products(API.public_url)[0].properties("sv")


@dataclass(frozen=True, kw_only=True)
class Outage:
    """When SES was away."""

    begins: datetime = BEGINS
    ends: datetime = BEGINS + LASTS


class Crowd:
    """Contacts in three flows whose e-mails fall due in an outage: most of them near its end.

    A third of those with a cart order in the outage, before their reminder could leave.
    """

    def __init__(self, shop: VirtualShop, outage: Outage, count: int) -> None:
        self.shop, self.outage = shop, outage
        self.ordered: set[str] = set()
        lasts = outage.ends - outage.begins
        for number in range(count):
            due = outage.ends - (lasts - timedelta(minutes=1)) * (1 - number / count) ** 3
            (self.orders, self.fills_a_cart, self.signs_up)[number % 3](f"u-{number}", due)

    def orders(self, user: str, at: datetime) -> None:
        """Let a customer order: the confirmation is due at once."""
        self.shop.posts(at, identify(user), ordered(user))

    def fills_a_cart(self, user: str, due: datetime) -> None:
        """Let a subscriber fill a cart four hours before its reminder is due."""
        self.shop.posts(NOON, identify(user), track(user, "Email Subscribed"))
        added = track(user, "Product Added", **PRODUCT, cart_id=f"cart-{user}", quantity=1)
        self.shop.posts(due - hours(4), added)
        if len(self.ordered) < 2 or int(user.rpartition("-")[2]) % 9 == 1:
            self.ordered.add(user)
            self.shop.posts((due + (self.outage.ends - due) / 2), ordered(user))

    def signs_up(self, user: str, at: datetime) -> None:
        """Let somebody sign up: the greeting is due at once."""
        self.shop.posts(at, identify(user), track(user, "Email Subscribed"))


def identify(user: str) -> dict[str, Any]:
    traits = {"email": f"{user}@kund.example", "locale": "sv"}
    return {"type": "identify", "userId": user, "messageId": f"i-{user}", "traits": traits}


def track(user: str, event: str, **properties: Any) -> dict[str, Any]:
    posted = {"type": "track", "userId": user, "event": event, "properties": properties}
    return posted | {"messageId": f"{event}-{user}"}


def ordered(user: str) -> dict[str, Any]:
    products = [{**PRODUCT, "quantity": 1}]
    order = {"order_id": f"o-{user}", "total": 1895, "currency": "SEK", "products": products}
    return track(user, "Order Completed", **order)


def judge(shop: VirtualShop, outage: Outage, cell: str, **facts: object) -> list[Message]:
    """Find nothing dropped, nothing twice and no message tried too often; list those it held."""
    rows = [row for row in shop.ledger() if row.claimed_at >= outage.begins - hours(2)]
    attempts = shop.ses.attempts()
    taken = [call.message_id for call in shop.ses.calls if call.answer == "accepted"]
    held = [row for row in rows if row.claimed_at < outage.ends]
    most = {
        purpose: max((attempts[row.id] for row in held if row.purpose == purpose), default=0)
        for purpose in Purpose
    }
    lasted = (outage.ends - outage.begins) / hours(1)
    record(
        "outages",
        cell,
        messages=len(held),
        attempts_max=most[Purpose.MARKETING],
        order_mail_attempts_max=most[Purpose.TRANSACTIONAL],
        attempts_mean=round(sum(attempts[row.id] for row in held) / len(held), 1),
        calls=len(shop.ses.calls),
        skipped=sum(row.state == MessageState.SKIPPED for row in held),
        lost=sum(row.state not in (MessageState.ACCEPTED, MessageState.SKIPPED) for row in held),
        hours=lasted,
        **facts,
    )

    assert held
    assert {row.state for row in held} <= {MessageState.ACCEPTED, MessageState.SKIPPED}
    assert all(row.skip_reason for row in held if row.state == MessageState.SKIPPED)
    assert all(attempts[row.id] == row.attempts for row in held)
    assert all(most[purpose] <= ATTEMPTS_MAX[purpose] * max(1, lasted / 6) for purpose in Purpose)
    assert len(taken) == len(set(taken))
    return held


def leave_after(held: list[Message], outage: Outage, purpose: Purpose) -> list[timedelta]:
    """Tell how long after the outage each message left."""
    left = [row.accepted_at for row in held if row.purpose == purpose and row.accepted_at]
    return [instant - outage.ends for instant in left]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalSes]:
    with running_local_ses(tmp_path / "ses", LocalSesOptions(rate=1e6, day_max=-1)) as local:
        yield local


@pytest.fixture
def database_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Make an empty database of an engine."""
    opened: list[Database] = []

    def make(engine: str) -> Database:
        if engine == "sqlite":
            database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
        else:
            database = Database(request.getfixturevalue("postgres_url"))
            metadata.drop_all(database.engine)
        metadata.create_all(database.engine)
        opened.append(database)
        return database

    yield make
    for database in opened:
        database.close()


@pytest.mark.parametrize(
    ("fault", "count", "lasts", "engine"),
    [
        ("throttle", CONTACTS, 6, "sqlite"),
        ("suspend", FEW_CONTACTS, FEWER_HOURS, "postgresql"),
        ("unavailable", FEW_CONTACTS, FEWER_HOURS, "sqlite"),
        ("pause", FEW_CONTACTS, FEWER_HOURS, "postgresql"),
        ("credentials", FEW_CONTACTS, FEWER_HOURS, "sqlite"),
    ],
)
def test_what_ses_refuses_for_hours_leaves_afterwards_order_mail_first(
    database_of: Any, local: LocalSes, fault: str, count: int, lasts: int, engine: str
) -> None:
    ses = SesClient(SesSettings(endpoint_url=local.url))
    shop, outage = VirtualShop(database_of(engine), ses), Outage(ends=BEGINS + hours(lasts))
    crowd = Crowd(shop, outage, count)
    shop.at(outage.begins, partial(local.faults.arm, fault, count=None))
    shop.at(outage.ends, local.faults.clear)
    shop.run(outage.ends + hours(0.2))

    held = judge(shop, outage, f"SES refuses: {fault}")
    order_mail = leave_after(held, outage, Purpose.TRANSACTIONAL)
    marketing = leave_after(held, outage, Purpose.MARKETING)
    skipped = [row for row in held if row.state == MessageState.SKIPPED]
    assert order_mail
    assert marketing
    assert max(order_mail) <= ORDER_MAIL_WAIT_MAX
    assert max(marketing) <= WAIT_MAX
    assert {row.skip_reason for row in skipped} == {SkipReason.EXITED}
    assert len(skipped) == len(crowd.ordered)
    assert len(order_mail) + len(marketing) + len(skipped) == len(held)
    ses.close()


def test_what_has_become_stale_is_skipped_and_order_mail_leaves_however_late(
    sqlite_database: Database,
) -> None:
    # A reminder is of use for twelve hours, a greeting for three days, a confirmation for ever.
    shop, outage = VirtualShop(sqlite_database, FakeSes()), Outage(ends=BEGINS + hours(13))
    shop.ses.outage = out(shop, outage, SesThrottled)
    crowd = Crowd(shop, outage, 0)
    crowd.orders("u-order", BEGINS)
    crowd.signs_up("u-greeting", BEGINS)
    shop.posts(NOON, identify("u-cart"), track("u-cart", "Email Subscribed"))
    cart = track("u-cart", "Product Added", **PRODUCT, cart_id="cart", quantity=1)
    shop.posts(BEGINS - hours(3.9), cart)
    shop.run(outage.ends + hours(0.2))

    held = judge(shop, outage, "stale after thirteen hours")
    ends = {row.template.partition("/")[0]: (row.state, row.skip_reason) for row in held}
    assert ends == {
        "order-updates": (MessageState.ACCEPTED, None),
        "welcome": (MessageState.ACCEPTED, None),
        "cart-abandonment": (MessageState.SKIPPED, SkipReason.STALE),
    }


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_what_ses_does_not_answer_for_hours_is_settled_by_its_events_afterwards(
    database_of: Any, engine: str
) -> None:
    shop, outage = VirtualShop(database_of(engine), FakeSes()), Outage()
    shop.hears_of_what_ses_takes(FEEDBACK)
    shop.ses.outage = out(shop, outage, OutcomeUnknown)
    crowd = Crowd(shop, outage, pick(short=6, long=60))
    shop.run(outage.ends + hours(2.5))

    probes = sum(call.is_probe for call in shop.ses.calls)
    looks = max(sum(passage.looks.values()) for passage in shop.passages.values())
    held = judge(shop, outage, "SES does not answer", probes=probes, looks_max=looks)
    skipped = [row.enrollment_id for row in held if row.state == MessageState.SKIPPED]
    left = [shop.passages[each].state.exit for each in skipped]
    assert left == [ExitReason.CONVERTED] * len(crowd.ordered)
    assert probes <= LASTS / timedelta(minutes=1)


def out(shop: VirtualShop, outage: Outage, answer: type[Exception]) -> Callable[[], None]:
    """Make an SES that answers so while the outage lasts."""

    def answers() -> None:
        if outage.begins <= shop.clock.now() < outage.ends:
            raise answer

    return answers
