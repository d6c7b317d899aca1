"""Suppression, folded: for good, until they subscribe again, or once there is an address."""

import itertools
from datetime import timedelta

import pytest

from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import Suppression, SuppressionReason, address_hash
from sekvens.db.session import Database
from tests.unit.ingesting import NOON, Shop, alias, identify, track

ADDRESS = "a@example.com"


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def reason(shop: Shop, address: str = ADDRESS) -> str | None:
    with shop.database.read() as session:
        found = session.get(Suppression, address_hash(address))
        return found.reason if found else None


def test_inactivity_ends_when_they_subscribe_again(shop: Shop) -> None:
    shop.post(identify(email=ADDRESS), track("Contact Suppressed", ago=5, reason="inactive"))
    before = reason(shop)
    shop.post(track("Email Subscribed", ago=3))

    assert (before, reason(shop)) == ("inactive", None)


@pytest.mark.parametrize("because", ["bounce", "complaint", "manual", "invalid"])
def test_every_other_suppression_outlasts_a_consent(shop: Shop, because: str) -> None:
    shop.post(identify(email=ADDRESS), track("Contact Suppressed", ago=5, reason=because))
    shop.post(track("Email Subscribed", ago=3))

    assert reason(shop) == because


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_consent_and_an_inactivity_go_by_when_they_were_said(
    shop: Shop, order: tuple[int, ...], *, together: bool
) -> None:
    said = [
        track("Email Subscribed", ago=9),
        track("Contact Suppressed", ago=5, reason="inactive"),
        track("Email Subscribed", ago=3),
    ]
    shop.post(identify(email=ADDRESS, ago=10))
    posted = [said[position] for position in order]
    for events in [posted] if together else [[event] for event in posted]:
        shop.post(*events)

    assert reason(shop) is None


def test_a_consent_from_before_the_inactivity_does_not_end_it(shop: Shop) -> None:
    shop.post(identify(email=ADDRESS), track("Contact Suppressed", ago=5, reason="inactive"))
    shop.post(track("Email Subscribed", ago=7))

    assert reason(shop) == "inactive"


def test_a_bounce_takes_the_place_of_inactivity_and_not_the_other_way_round(shop: Shop) -> None:
    for because in (SuppressionReason.INACTIVE, SuppressionReason.BOUNCE, "inactive", "manual"):
        with shop.database.write() as session:
            suppress(session, ADDRESS, reason=SuppressionReason(because), at=NOON, source="t")

    assert reason(shop) == "bounce"


def test_a_suppression_that_came_before_any_address_waits_for_it(shop: Shop) -> None:
    shop.post(track("Contact Suppressed", ago=5, reason="complaint"))
    shop.post(identify(email=ADDRESS))
    shop.post(identify(email="b@example.com", ago=-1))

    assert (reason(shop), reason(shop, "b@example.com")) == ("complaint", None)


@pytest.mark.parametrize("younger", [0, 1])
def test_a_suppression_waits_for_an_address_that_comes_by_a_merge(shop: Shop, younger: int) -> None:
    events = [track("Contact Suppressed", "u"), identify("v", email=ADDRESS)]
    shop.post(events[1 - younger])
    shop.now += timedelta(minutes=1)
    shop.post(events[younger])
    shop.post(alias("v", "u"))

    assert reason(shop) == "manual"


def test_an_inactivity_without_an_address_ends_by_a_consent_too(shop: Shop) -> None:
    shop.post(track("Contact Suppressed", ago=5, reason="inactive"))
    shop.post(track("Email Subscribed", ago=4))
    shop.post(identify(email=ADDRESS))

    assert reason(shop) is None


def test_of_two_contacts_who_are_one_the_longer_rest_counts(shop: Shop) -> None:
    shop.post(identify("u"), identify("v"))
    with shop.database.write() as session:
        for user, days in (("u", 3), ("v", 9)):
            contact = shop.contact(user)
            assert contact is not None
            session.merge(contact).rests_until = NOON + timedelta(days=days)
    shop.post(alias("v", "u"))

    contact = shop.contact("u")
    assert contact is not None
    assert contact.rests_until == NOON + timedelta(days=9)
