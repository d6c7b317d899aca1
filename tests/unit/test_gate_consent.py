"""What marketing rests on, at the gate: topics, a pause, fewer e-mails, and an earlier sale."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.consent_section import ConsentSettings, Topic
from sekvens.contacts.tables import ConsentChange
from sekvens.db.session import Database
from sekvens.events.ingest import ingest
from sekvens.events.parse import read_batch
from sekvens.flows.builder import TRANSACTIONAL
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.messages.calm import HoldReason
from sekvens.messages.gate import Gate
from sekvens.messages.verdicts import Allowed, Later, Refused, Verdict
from sekvens.sections import SendingSettings
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, alias, track
from tests.unit.sending import ADDRESS, NO_CALM, PostOffice, letters, mixed

NAME = {"en": "Letters"}
WHOLE = ConsentSettings(topics={"news": Topic(name=NAME, flows=("letters",))})
ONE = ConsentSettings(topics={"news": Topic(name=NAME, flows=("letters/hello",))})
SALES = ConsentSettings(soft_opt_in=True)
NO_CONSENT = Refused(reason=SkipReason.NO_CONSENT)
LEFT = Refused(reason=SkipReason.NO_CONSENT, exit=ExitReason.UNSUBSCRIBED)
DAY = timedelta(days=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def verdict(
    office: PostOffice,
    consent: ConsentSettings,
    step_id: str = "hello",
    *,
    rails: Any = None,
    **order: Any,
) -> Verdict:
    gate = Gate(
        SendingSettings(**({"production": True} | NO_CALM | (rails or {}))), sample_shop(), consent
    )
    with office.database.read() as session:
        asked = office.order(step_id, **order)
        return gate.decide(session, asked, office.published, now=office.clock.now())


def prefers(office: PostOffice, *, ago: float = 1, user: str = "u", **chosen: Any) -> None:
    office.happens("Email Preferences Changed", user=user, ago=ago, **chosen)


def bought(office: PostOffice, consent: ConsentSettings, **more: Any) -> str:
    """Let somebody who was never asked buy something, and stand in the flow."""
    posted = {"ago": 30, "order_id": "o-1", "cart_id": "c", **more}
    event = track("Order Completed", "buyer", **posted)
    who = {"type": "identify", "userId": "buyer", "traits": {"email": "doris@kund.example"},
           "messageId": "who"}  # fmt: skip
    raw = json.dumps({"batch": [who, event]}).encode()
    with office.database.write() as session:
        events = read_batch(raw, received_at=NOON).events
        ingest(session, events, now=NOON, shop_time=ShopTime(), consent=consent)
    office.relay_all()
    contact_id = office.shop.contact_id("buyer")
    office.enroll("e-buyer", contact_id)
    return contact_id


def buyers(contact_id: str, **changes: Any) -> dict[str, Any]:
    return {"contact_id": contact_id, "enrollment_id": "e-buyer", **changes}


def test_a_topic_that_was_left_out_is_not_sent_and_ends_a_flow_of_nothing_else(
    office: PostOffice,
) -> None:
    before = verdict(office, WHOLE)
    prefers(office, topics={"news": False})

    assert before == Allowed(recipient=ADDRESS)
    assert verdict(office, WHOLE) == LEFT
    assert verdict(office, ConsentSettings()) == Allowed(recipient=ADDRESS)


def test_a_topic_of_one_e_mail_skips_that_one_and_no_other(office: PostOffice) -> None:
    prefers(office, topics={"news": False})

    assert verdict(office, ONE) == NO_CONSENT
    assert verdict(office, ONE, "your-cart") == Allowed(recipient=ADDRESS)


def test_a_topic_ends_no_flow_that_also_sends_order_mail(sqlite_database: Database) -> None:
    office = PostOffice(sqlite_database, flow=mixed())
    prefers(office, topics={"news": False})

    assert verdict(office, WHOLE) == NO_CONSENT
    assert verdict(office, WHOLE, "receipt") == Allowed(recipient=ADDRESS)


def test_a_topic_that_is_chosen_again_is_sent_again_in_whatever_order_it_is_told(
    office: PostOffice,
) -> None:
    prefers(office, ago=1, topics={"news": True})
    prefers(office, ago=9, topics={"news": False})

    assert verdict(office, WHOLE) == Allowed(recipient=ADDRESS)


def test_a_pause_holds_marketing_until_it_is_over_and_lets_order_mail_go(
    office: PostOffice,
) -> None:
    prefers(office, ago=0, pause_days=30)

    assert verdict(office, WHOLE) == Later(reason=HoldReason.RESTING, until=NOON + 30 * DAY)
    assert verdict(office, WHOLE, purpose=TRANSACTIONAL) == Allowed(recipient=ADDRESS)


def test_a_pause_that_was_ended_holds_nothing(office: PostOffice) -> None:
    prefers(office, ago=0, pause_days=0)
    prefers(office, ago=9, pause_days=30)

    assert verdict(office, WHOLE) == Allowed(recipient=ADDRESS)


@pytest.mark.parametrize(
    ("cap", "sent", "waits"), [(4, 1, False), (4, 2, True), (0, 2, True), (1, 0, False)]
)
def test_fewer_is_half_of_what_a_week_allows_and_never_nothing(
    sqlite_database: Database, cap: int, sent: int, *, waits: bool
) -> None:
    office = PostOffice(sqlite_database)
    prefers(office, fewer=True)
    for number in range(sent):
        office.enroll(f"e-{number}x", office.contact_id)
        day = NOON - (number + 1) * DAY
        office.send(enrollment_id=f"e-{number}x", now=day, due_at=day)
    found = verdict(office, WHOLE, rails={"marketing_per_week": cap})

    assert isinstance(found, Later) is waits


def test_marketing_to_a_buyer_who_was_never_asked_needs_the_setting(office: PostOffice) -> None:
    buyer = buyers(bought(office, SALES))

    assert verdict(office, SALES, **buyer) == Allowed(recipient="doris@kund.example")
    assert verdict(office, ConsentSettings(), **buyer) == NO_CONSENT


def test_the_sale_that_it_rests_on_is_kept_as_evidence(office: PostOffice) -> None:
    contact_id = bought(office, SALES)

    with office.database.read() as session:
        query = select(ConsentChange).where(ConsentChange.contact_id == contact_id)
        kept = session.scalars(query).one()
    assert (kept.basis, kept.order_id, kept.source) == ("earlier_sale", "o-1", "checkout")


@pytest.mark.parametrize("event", ["Order Cancelled", "Order Refunded"])
def test_a_sale_that_does_not_stand_is_no_basis(office: PostOffice, event: str) -> None:
    buyer = buyers(bought(office, SALES))
    office.happens(event, user="buyer", ago=1, order_id="o-1")

    assert verdict(office, SALES, **buyer) == NO_CONSENT


def test_a_sale_of_long_ago_is_no_basis(office: PostOffice) -> None:
    short = ConsentSettings(soft_opt_in=True, soft_opt_in_days=30)
    buyer = buyers(bought(office, short))
    later = NOON + 31 * DAY

    assert verdict(office, short, **buyer, now=later, due_at=later) == NO_CONSENT


def test_who_declined_at_the_checkout_gets_nothing(office: PostOffice) -> None:
    buyer = buyers(bought(office, SALES, marketing_declined=True))

    assert verdict(office, SALES, **buyer) == NO_CONSENT


@pytest.mark.parametrize("ago", [60, 10])
def test_a_no_counts_over_a_sale_before_and_after_it(office: PostOffice, ago: float) -> None:
    buyer = buyers(bought(office, SALES))
    office.happens("Unsubscribed", user="buyer", ago=ago)

    assert verdict(office, SALES, **buyer) == LEFT


def test_without_the_setting_a_sale_says_nothing_of_consent(office: PostOffice) -> None:
    bought(office, ConsentSettings())

    assert office.shop.consent("buyer") is None


def test_of_two_contacts_who_are_one_the_longer_pause_and_the_fewer_topics_stand(
    sqlite_database: Database,
) -> None:
    office = PostOffice(sqlite_database, flow=letters(exit_when=()))
    office.subscriber("other", "other@kund.example")
    prefers(office, user="other", ago=0, pause_days=30, topics={"news": False})
    office.shop.post(alias("other", "u"))
    resumed = NOON + 31 * DAY

    assert verdict(office, ConsentSettings()) == Later(
        reason=HoldReason.RESTING, until=NOON + 30 * DAY
    )
    assert verdict(office, WHOLE, now=resumed, due_at=resumed) == LEFT
