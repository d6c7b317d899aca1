"""An e-mail that makes an offer: claimed and committed before SES is called, or not sent."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.errors import OutcomeUnknown, SesThrottled
from sekvens.flows.outcomes import Deferred, Parked, Sent, Skipped, SkipReason
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.offers import codes
from sekvens.offers.tables import CodeSource, OfferClaim, OfferCode, Redemption
from sekvens.sections import SendingSettings
from sekvens.shop import Offer
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON
from tests.unit.sending import API, PostOffice

POOL = Offer(days=7, percent=10, pool=True)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return offering(PostOffice(database), POOL)


def offering(office: PostOffice, offer: Offer) -> PostOffice:
    """Let the shop make another offer by the name `welcome`."""
    shop = sample_shop()
    changed = msgspec.structs.replace(shop, offers=shop.offers | {"welcome": offer})
    office.sender = Sender(
        database=office.database,
        ses=office.ses,
        clock=office.clock,
        envelope=Envelope(database=office.database, shop=changed, api=API),
        sending=SendingSettings(production=True, quiet_from="00:00", quiet_until="00:00"),
    )
    return office


def stock(office: PostOffice, *pool: str) -> None:
    with office.database.write() as session:
        codes.store(session, pool, offer="welcome", source=CodeSource.POOL)


def claimed(office: PostOffice) -> list[OfferClaim]:
    with office.database.read() as session:
        return list(session.scalars(select(OfferClaim)))


def test_a_pool_that_runs_dry_parks_the_enrollment_and_says_what_to_do(office: PostOffice) -> None:
    outcome = office.send("hello", offer="welcome")

    assert isinstance(outcome, Parked)
    assert outcome.code == "offer_pool_empty"
    assert "starter.py offers import welcome FILE" in outcome.reason
    row = office.enrollment()
    assert (row.state, row.parked_reason) == (EnrollmentState.PARKED, outcome.reason)
    assert (office.ses.calls, claimed(office)) == (0, [])


def test_retry_after_an_import_sends_it(office: PostOffice) -> None:
    office.send("hello", offer="welcome")
    stock(office, "ONE")

    assert isinstance(office.send("hello", offer="welcome"), Sent)
    assert [claim.code for claim in claimed(office)] == ["ONE"]


def test_an_outage_of_ses_takes_no_days_off_the_offer(office: PostOffice) -> None:
    stock(office, "ONE")
    office.ses.faults.append(SesThrottled())
    away = office.send("hello", offer="welcome")
    later = NOON + timedelta(days=2)
    back = office.send("hello", offer="welcome", now=later)

    assert isinstance(away, Deferred)
    assert isinstance(back, Sent)
    [claim] = claimed(office)
    assert (claim.sent_at, claim.expires_at) == (later, later + timedelta(days=7))


def test_what_the_gate_refuses_claims_nothing(office: PostOffice) -> None:
    stock(office, "ONE")
    office.happens("Unsubscribed")
    office.send("hello", offer="welcome")

    assert claimed(office) == []


def test_an_offer_is_over_when_its_last_whole_day_is_where_the_contact_lives(
    office: PostOffice,
) -> None:
    stock(office, "ONE")
    office.send("hello", offer="welcome")
    night = NOON + timedelta(days=6, hours=9, minutes=59)  # 23:59 in Helsinki, on its last day
    outcomes = [
        office.send("your-cart", offer="welcome", now=now)
        for now in (night, night + timedelta(minutes=1))
    ]

    assert isinstance(outcomes[0], Parked)  # there is no cart, and the offer is not the trouble
    assert outcomes[1] == Skipped(reason=SkipReason.STALE)


def test_an_offer_that_left_the_settings_parks(office: PostOffice) -> None:
    outcome = office.send("hello", offer="summer")

    assert isinstance(outcome, Parked)
    assert "'summer' is not in the settings any more" in outcome.reason


def test_nobody_is_made_a_code_to_pass_on_by_an_email_that_does_not_speak_of_it(
    office: PostOffice,
) -> None:
    office.send("hello")

    assert office.shop.count(OfferCode) == 0


def test_a_code_that_was_used_is_not_told_again(office: PostOffice) -> None:
    stock(office, "ONE")
    office.send("hello", offer="welcome")
    with office.database.write() as session:  # an order that ended nothing: it was updated
        session.add(
            Redemption(
                order_id="o-1", key="one", offer="welcome", contact_id=office.contact_id,
                claim_id=session.scalars(select(OfferClaim.id)).one(), redeemed_at=NOON,
            )
        )  # fmt: skip
    tomorrow = NOON + timedelta(days=1)
    outcome = office.send("your-cart", offer="welcome", now=tomorrow, due_at=tomorrow)

    assert outcome == Skipped(reason=SkipReason.STALE)


def test_what_may_have_arrived_has_promised_its_days(office: PostOffice) -> None:
    stock(office, "FIRST")
    office.ses.faults.append(OutcomeUnknown())
    office.send("hello", offer="welcome")
    office.later(timedelta(hours=6))
    outcome = office.send("hello", offer="welcome")

    assert isinstance(outcome, Skipped)
    assert outcome.reason is SkipReason.OUTCOME_UNKNOWN
    assert [claim.sent_at for claim in claimed(office)] == [NOON]
