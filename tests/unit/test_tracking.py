"""Whether clicks and opens may be noted: a consent of its own, of which the newest word counts."""

from typing import Any

import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Consent, ConsentChange
from sekvens.contacts.tracking import clicks_allowed, opens_allowed
from sekvens.db.session import Database
from sekvens.tracking_section import TrackingSettings
from tests.unit.ingesting import Shop, alias, identify, track

ASKS = TrackingSettings(clicks="consent", opens="consent")
ALLOWED, REFUSED = "Tracking Allowed", "Tracking Refused"


def allowed(shop: Shop, user: str = "u") -> tuple[bool, bool]:
    """Tell whether clicks, and whether opens, may be noted."""
    with shop.database.read() as session:
        who = shop.contact_id(user)
        return clicks_allowed(session, who, ASKS), opens_allowed(session, who, ASKS)


@pytest.mark.parametrize(
    ("of", "may"),
    [
        ({}, (True, False)),
        ({"of": "opens"}, (False, True)),
        ({"of": ["clicks", "opens"]}, (True, True)),
        ({"of": []}, (False, False)),
        ({"of": ["everything", 7]}, (False, False)),
        ({"of": {"clicks": True}}, (False, False)),
    ],
)
def test_only_what_was_named_is_allowed_and_unnamed_that_is_clicks(
    sqlite_database: Database, of: dict[str, Any], may: tuple[bool, bool]
):
    shop = Shop(sqlite_database)
    shop.post(identify(), track(ALLOWED, **of))

    assert allowed(shop) == may


def test_nobody_has_allowed_anything_by_wanting_our_e_mails(database: Database):
    shop = Shop(database)
    shop.post(identify(), track("Email Subscribed"))

    assert allowed(shop) == (False, False)
    assert shop.consent() == "subscribed"


def test_the_newest_word_counts_in_whatever_order_it_comes(database: Database):
    shop = Shop(database)
    shop.post(identify(), track(ALLOWED, ago=10, of=["clicks", "opens"]))
    shop.post(track(REFUSED, ago=5, of="opens"), track(ALLOWED, ago=8, of="opens"))

    assert allowed(shop) == (True, False)


def test_whoever_unsubscribes_has_taken_it_back_and_is_asked_anew(sqlite_database: Database):
    shop = Shop(sqlite_database)
    shop.post(identify(), track("Email Subscribed", ago=9), track(ALLOWED, ago=9))
    shop.post(track("Unsubscribed", ago=5))
    shop.post(track("Email Subscribed", ago=1))

    assert allowed(shop) == (False, False)
    assert shop.consent() == "subscribed"


def test_marketing_consent_does_not_mind_what_is_said_of_tracking(database: Database):
    shop = Shop(database)
    shop.post(identify(), track(ALLOWED, ago=9), track("Email Subscribed", ago=8))
    shop.post(track(REFUSED, ago=4))

    assert shop.consent() == "subscribed"
    assert allowed(shop) == (False, False)
    shop.post(track("Unsubscribed", ago=2))
    assert shop.consent() == "unsubscribed"


def test_every_word_is_kept_as_evidence(sqlite_database: Database):
    shop = Shop(sqlite_database)
    shop.post(identify(), track(ALLOWED, ago=2, source="footer form"), track(REFUSED, ago=1))
    with sqlite_database.read() as session:
        words = session.scalars(select(ConsentChange).order_by(ConsentChange.id)).all()

    said = [(word.purpose, word.status, word.source) for word in words]
    assert said == [
        ("tracking/clicks", "subscribed", "footer form"),
        ("tracking/clicks", "unsubscribed", "api"),
        ("tracking/opens", "unsubscribed", "api"),
    ]


def test_of_two_who_turn_out_to_be_one_the_stricter_word_stays(database: Database):
    shop = Shop(database)
    shop.post(identify("u"), track(ALLOWED, "u"))
    shop.post(identify("v"), track(REFUSED, "v", of="clicks"))
    shop.post(alias("u", "v"))
    with database.read() as session:
        left = session.scalars(select(Consent).where(Consent.purpose == "tracking/clicks")).all()

    assert [row.status for row in left] == ["unsubscribed"]
    assert allowed(shop, "u") == allowed(shop, "v") == (False, False)
