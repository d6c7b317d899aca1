"""The gate: each reason to refuse, and which of two speaks first."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import Contact, SuppressionReason
from sekvens.db.session import Database
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent
from sekvens.flows.asking import subscribed
from sekvens.flows.builder import TRANSACTIONAL
from sekvens.flows.outcomes import Deferred, Sent, Skipped, SkipReason
from sekvens.flows.steps import ExitReason
from sekvens.messages.gate import Gate
from sekvens.messages.tables import MessageState
from sekvens.messages.verdicts import Allowed, Later, Refused, Verdict
from sekvens.sections import SendingSettings
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, alias, identify, track
from tests.unit.sending import ADDRESS, NO_CALM, PostOffice, letters, mixed

HOUR = timedelta(hours=1)
CONVERTED = Refused(reason=SkipReason.EXITED, exit=ExitReason.CONVERTED)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def verdict(
    office: PostOffice, step_id: str = "hello", *, rails: Any = None, **order: Any
) -> Verdict:
    """Ask the gate; everything may be mailed unless the rails say otherwise."""
    settings = SendingSettings(**({"production": True} | NO_CALM | (rails or {})))
    gate = Gate(settings, sample_shop())
    with office.database.read() as session:
        asked = office.order(step_id, **order)
        return gate.decide(session, asked, office.published, now=office.clock.now())


def suppressed(
    office: PostOffice,
    address: str = ADDRESS,
    reason: SuppressionReason = SuppressionReason.BOUNCE,
) -> None:
    with office.database.write() as session:
        suppress(session, address, reason=reason, at=NOON, source="feedback")


def without_address(office: PostOffice) -> None:
    with office.database.write() as session:
        session.execute(update(Contact).values(email="ingen adress"))


def test_a_subscriber_with_an_address_may_be_mailed(office: PostOffice) -> None:
    assert verdict(office) == Allowed(recipient=ADDRESS)


def test_a_purchase_ends_it_as_soon_as_it_is_committed_though_nobody_has_signalled_it(
    office: PostOffice,
) -> None:
    office.happens("Order Completed", order_id="o-1")

    assert verdict(office) == CONVERTED


def test_an_event_before_the_trigger_ends_nothing(office: PostOffice) -> None:
    office.happens("Order Completed", order_id="o-1")
    with office.database.write() as session:
        session.execute(update(Enrollment).values(trigger_event_id=newest_event(office)))

    assert verdict(office) == Allowed(recipient=ADDRESS)


def newest_event(office: PostOffice) -> int:
    with office.database.read() as session:
        return max(row.id for row in session.query(ContactEvent))


def test_an_event_that_was_committed_late_counts_while_the_relay_has_not_got_to_it(
    office: PostOffice,
) -> None:
    # Numbered before the trigger, committed after it.
    office.shop.post(track("Order Completed", order_id="o-1"))
    with office.database.write() as session:
        session.execute(update(Enrollment).values(trigger_event_id=newest_event(office)))

    assert verdict(office) == CONVERTED


def test_an_exit_that_the_relay_still_owes_ends_it_however_old_the_event_is(
    office: PostOffice,
) -> None:
    office.happens("Order Completed", ago=90, order_id="o-1")
    assert verdict(office) == Allowed(recipient=ADDRESS)
    owe(office, urgent=False)
    assert verdict(office) == Allowed(recipient=ADDRESS)
    owe(office, urgent=True)

    assert verdict(office) == CONVERTED


def owe(office: PostOffice, *, urgent: bool) -> None:
    with office.database.write() as session:
        session.merge(
            Delivery(
                enrollment_id="e-1",
                seq=1,
                event_id=newest_event(office),
                message_id="m",
                matched=[],
                urgent=urgent,
                created_at=NOON,
            )
        )


def test_an_enrollment_that_has_ended_sends_nothing_and_says_how_it_ended(
    office: PostOffice,
) -> None:
    with office.database.write() as session:
        values = {"state": EnrollmentState.ENDED, "exit_reason": "superseded"}
        session.execute(update(Enrollment).values(**values))

    assert verdict(office) == Refused(reason=SkipReason.EXITED, exit=ExitReason.SUPERSEDED)


def test_who_was_never_asked_gets_no_marketing_and_stays_enrolled(office: PostOffice) -> None:
    office.shop.post(identify("new", email="ny@kund.example"))
    contact_id = office.shop.contact_id("new")
    office.enroll("e-new", contact_id)
    refused = verdict(office, contact_id=contact_id, enrollment_id="e-new")

    assert refused == Refused(reason=SkipReason.NO_CONSENT)


def test_who_took_the_consent_back_leaves_a_flow_of_marketing(office: PostOffice) -> None:
    office.happens("Unsubscribed", ago=60)

    assert verdict(office) == Refused(reason=SkipReason.NO_CONSENT, exit=ExitReason.UNSUBSCRIBED)


def test_order_mail_goes_on_after_an_unsubscribe_and_so_does_its_flow(database: Database) -> None:
    office = PostOffice(database, flow=mixed())
    office.happens("Unsubscribed")

    assert verdict(office, "hello") == Refused(reason=SkipReason.NO_CONSENT, exit=None)
    assert verdict(office, "receipt") == Allowed(recipient=ADDRESS)


def test_order_mail_goes_on_though_only_subscribers_may_enter_its_flow(database: Database) -> None:
    office = PostOffice(database, flow=replace(mixed(), entry=(subscribed(),)))
    office.happens("Unsubscribed")

    assert verdict(office, "receipt") == Allowed(recipient=ADDRESS)


def test_a_suppressed_address_gets_nothing_and_ends_a_flow_of_marketing(
    office: PostOffice,
) -> None:
    suppressed(office, ADDRESS.upper())

    assert verdict(office) == Refused(reason=SkipReason.SUPPRESSED, exit=ExitReason.SUPPRESSED)


def test_a_suppressed_address_gets_no_order_mail_either(database: Database) -> None:
    office = PostOffice(database, flow=mixed())
    suppressed(office)

    assert verdict(office, "receipt") == Refused(reason=SkipReason.SUPPRESSED)


def test_who_has_long_been_inactive_gets_order_mail_and_no_marketing(database: Database) -> None:
    office = PostOffice(database, flow=mixed())
    suppressed(office, reason=SuppressionReason.INACTIVE)

    assert verdict(office, "hello") == Refused(reason=SkipReason.SUPPRESSED)
    assert verdict(office, "receipt") == Allowed(recipient=ADDRESS)


@pytest.mark.parametrize("email", [None, "", "ingen adress", "å@kund.example", "a@b@c.example"])
def test_a_contact_without_an_address_that_ses_takes_is_skipped(
    office: PostOffice, email: str | None
) -> None:
    with office.database.write() as session:
        session.execute(update(Contact).values(email=email))

    assert verdict(office) == Refused(reason=SkipReason.NO_ADDRESS)


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        (ADDRESS, True),
        (ADDRESS.upper(), True),
        ("@kund.example", True),
        ("@KUND.example", True),
        ("kund.example", False),
        ("@und.example", False),
        ("alm@kund.example", False),
        ("@example", False),
        ("", False),
    ],
)
def test_outside_production_only_the_allow_list_is_mailed(
    office: PostOffice, entry: str, allowed: object
) -> None:
    rails = {"production": False, "allow_list": ("somebody@else.example", entry)}
    refused = Refused(reason=SkipReason.NOT_ALLOWED)

    assert verdict(office, rails=rails) == (Allowed(recipient=ADDRESS) if allowed else refused)


def test_nobody_is_mailed_by_settings_that_say_nothing(office: PostOffice) -> None:
    assert verdict(office, rails={"production": False}) == Refused(reason=SkipReason.NOT_ALLOWED)


def test_a_contact_who_no_longer_meets_the_entry_conditions_is_skipped(office: PostOffice) -> None:
    office.happens("Product Viewed", product_id="p-1")

    assert verdict(office) == Refused(reason=SkipReason.FILTER)


def test_a_message_later_than_its_step_allows_is_stale(office: PostOffice) -> None:
    on_time = verdict(office, lateness_seconds_max=3600 - 60, due_at=NOON - HOUR)
    too_late = verdict(office, lateness_seconds_max=3600 - 61, due_at=NOON - HOUR)

    assert on_time == Allowed(recipient=ADDRESS)
    assert too_late == Refused(reason=SkipReason.STALE)
    assert verdict(office, due_at=NOON - 10000 * HOUR) == Allowed(recipient=ADDRESS)


WARM_UP = {"warm_up": (2, 3), "warm_up_from": date(2026, 3, 4)}


def use_up(office: PostOffice, count: int, *, at: datetime = NOON) -> None:
    """Send so many messages to others, at an instant."""
    now, before = office.clock.now(), office.clock
    before.move(at - now)
    for number in range(count):
        user = f"other-{number}-{at:%d%H%M}"
        contact_id = office.subscriber(user, f"{user}@kund.example")
        office.enroll(f"e-{user}", contact_id)
        sent = office.send(enrollment_id=f"e-{user}", contact_id=contact_id)
        assert isinstance(sent, Sent)
    before.move(now - at)


def test_a_new_identity_holds_marketing_once_the_days_plan_is_used_up(office: PostOffice) -> None:
    use_up(office, 1)
    assert verdict(office, rails=WARM_UP) == Allowed(recipient=ADDRESS)
    use_up(office, 1, at=NOON + HOUR)

    assert verdict(office, rails=WARM_UP) == Later(reason="warm_up", until=NOON + 12 * HOUR)


def test_the_next_day_has_a_plan_of_its_own_and_after_the_plan_there_is_none(
    office: PostOffice,
) -> None:
    use_up(office, 2)
    office.clock.move(12 * HOUR)
    assert verdict(office, rails=WARM_UP) == Allowed(recipient=ADDRESS)
    use_up(office, 3, at=NOON + 13 * HOUR)
    held = verdict(office, rails=WARM_UP)
    office.clock.move(24 * HOUR)

    assert held == Later(reason="warm_up", until=NOON + 24 * HOUR)
    assert verdict(office, rails=WARM_UP) == Allowed(recipient=ADDRESS)


def test_before_the_plan_begins_marketing_is_held_until_midnight(office: PostOffice) -> None:
    rails = WARM_UP | {"warm_up_from": date(2026, 3, 5)}

    assert verdict(office, rails=rails) == Later(reason="warm_up", until=NOON + 12 * HOUR)


def test_order_mail_is_not_held_by_the_plan(office: PostOffice) -> None:
    rails = WARM_UP | {"warm_up": (0,)}

    assert isinstance(verdict(office, rails=rails), Later)
    assert verdict(office, rails=rails, purpose=TRANSACTIONAL) == Allowed(recipient=ADDRESS)


def test_what_the_plan_holds_is_deferred_and_leaves_the_next_day(database: Database) -> None:
    office = PostOffice(database, warm_up=(0,), warm_up_from=date(2026, 3, 4))
    held = office.send()
    state = office.message().state
    office.clock.move(12 * HOUR)

    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    assert held == Deferred(until=midnight, reason="warm_up")
    assert state == MessageState.PENDING
    assert isinstance(office.send(now=midnight), Sent)


def test_a_merged_contact_is_judged_and_mailed_as_the_one_who_stands(office: PostOffice) -> None:
    office.shop.now = NOON + timedelta(minutes=1)
    young = office.subscriber("young", "ung@kund.example")
    office.enroll("e-young", young, started_at=NOON - timedelta(minutes=1))
    office.shop.post(alias("u", "young"))
    order = {"enrollment_id": "e-young", "contact_id": young}
    office.relay_all()
    before = verdict(office, **order)
    office.happens("Order Completed", user="u", order_id="o-1")

    standing = office.shop.contact()
    assert standing is not None
    assert before == Allowed(recipient=standing.email or "")
    assert verdict(office, **order) == CONVERTED


#: Each makes one more reason to refuse, the last to be heard first.
REASONS = {
    SkipReason.STALE: lambda _: None,
    SkipReason.FILTER: lambda office: office.happens("Product Viewed", product_id="p"),
    SkipReason.NOT_ALLOWED: lambda _: None,
    SkipReason.SUPPRESSED: suppressed,
    SkipReason.NO_ADDRESS: without_address,
    SkipReason.NO_CONSENT: lambda office: office.happens("Unsubscribed", ago=60),
    SkipReason.EXITED: lambda office: office.happens("Order Completed", order_id="o-1"),
}


def test_of_several_reasons_the_one_that_matters_most_is_told(office: PostOffice) -> None:
    told, rails = [], dict(WARM_UP, warm_up=(0,))
    for reason, happens in REASONS.items():
        if reason is SkipReason.NOT_ALLOWED:
            rails["production"] = False
        happens(office)
        late = {"lateness_seconds_max": 60, "due_at": NOON - HOUR}
        refused = verdict(office, rails=rails, **late)
        told.append(refused.reason)

    assert told == list(REASONS)


def test_a_flow_without_exit_rules_asks_for_no_events(database: Database) -> None:
    office = PostOffice(database, flow=letters(purpose=TRANSACTIONAL, exit_when=()))
    office.happens("Order Completed", order_id="o-1")
    outcome = office.send()

    assert not isinstance(outcome, Skipped)
    assert office.published.graph.exit_rules() == ()
