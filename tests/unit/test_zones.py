"""By what a contact's time zone is known, and how sure it is: one answer for all who ask."""

import json
from zoneinfo import available_timezones

import pytest
from click.testing import CliRunner

from sekvens.contacts.zone import zone_of_row
from sekvens.db.session import Database
from sekvens.send_time.countries import zones_of
from sekvens.send_time.zones import Confidence, Zone, ZoneSource, zone_from
from starter import main
from tests.unit.ingesting import Shop, alias, identify, track

SHOPS = Zone("Europe/Stockholm", ZoneSource.SHOP, Confidence.NONE)
STATED, LIKELY, GUESS = Confidence.STATED, Confidence.LIKELY, Confidence.GUESS
TRAIT, DEVICE, COUNTRY = ZoneSource.TRAIT, ZoneSource.DEVICE, ZoneSource.COUNTRY


@pytest.fixture
def shop(sqlite_database: Database) -> Shop:
    return Shop(sqlite_database)


def known(shop: Shop, user: str = "u") -> Zone:
    contact = shop.contact(user)
    assert contact is not None
    return zone_of_row(contact, SHOPS.name)


def on_device(zone: str, *, ago: float = 0) -> dict[str, object]:
    return track("Product Viewed", ago=ago) | {"context": {"timezone": zone}}


@pytest.mark.parametrize(
    ("told", "zone"),
    [
        (("Asia/Tokyo", TRAIT, "US"), Zone("Asia/Tokyo", TRAIT, STATED)),
        (("Asia/Tokyo", DEVICE, "US"), Zone("Asia/Tokyo", DEVICE, LIKELY)),
        (("Asia/Tokyo", None, None), Zone("Asia/Tokyo", DEVICE, LIKELY)),
        (("Mars/Olympus", TRAIT, "FI"), Zone("Europe/Helsinki", COUNTRY, LIKELY)),
        ((None, None, "Finland"), Zone("Europe/Helsinki", COUNTRY, LIKELY)),
        ((None, None, "us"), Zone("America/New_York", COUNTRY, GUESS)),
        ((None, None, " UK "), Zone("Europe/London", COUNTRY, LIKELY)),
        ((None, None, "Atlantis"), SHOPS),
        ((None, TRAIT, None), SHOPS),
    ],
)
def test_what_is_known_decides_and_says_how_sure_it_is(
    told: tuple[str | None, str | None, str | None], zone: Zone
) -> None:
    assert zone_from(*told, otherwise=SHOPS.name) == zone


def test_of_a_country_with_several_zones_it_is_where_most_live() -> None:
    guessed = [zones_of(code)[0] for code in ("AU", "BR", "CA", "ES", "RU", "UA")]

    assert guessed == [
        "Australia/Sydney", "America/Sao_Paulo", "America/Toronto", "Europe/Madrid",
        "Europe/Moscow", "Europe/Kyiv",
    ]  # fmt: skip
    assert set(guessed) <= available_timezones()
    assert len(zones_of("DE")) == 1  # Büsingen goes by Berlin's clock


def test_a_word_is_surer_than_a_device_and_the_newest_zone_stands(shop: Shop) -> None:
    shop.post(on_device("Asia/Tokyo", ago=9))
    by_device = known(shop)
    shop.post(identify(ago=8, timezone="Asia/Tokyo"))
    shop.post(on_device("Asia/Tokyo", ago=7))
    stated = known(shop)
    shop.post(on_device("Europe/Paris", ago=6))

    assert by_device == Zone("Asia/Tokyo", DEVICE, LIKELY)
    assert stated == Zone("Asia/Tokyo", TRAIT, STATED)
    assert known(shop) == Zone("Europe/Paris", DEVICE, LIKELY)


def test_beside_a_word_in_the_same_event_the_device_says_nothing(shop: Shop) -> None:
    shop.post(identify(timeZone="Asia/Tokyo") | {"context": {"timezone": "Europe/Paris"}})
    contact = shop.contact()
    shop.post(identify(timeZone="Asia/Tokyo") | {"context": {"timezone": "Europe/Paris"}})
    again = shop.contact()

    assert contact is not None
    assert again is not None
    assert known(shop) == Zone("Asia/Tokyo", TRAIT, STATED)
    assert again.traits_at == contact.traits_at  # nothing is written for what is known


@pytest.mark.parametrize("travels", ["old", "young"])
def test_of_two_who_are_one_the_newest_zone_stands_and_what_it_rests_on(
    shop: Shop, travels: str
) -> None:
    stays = {"old": "young", "young": "old"}[travels]
    shop.post(identify(stays, ago=9, timezone="Asia/Tokyo"))
    shop.post(on_device("Europe/Paris", ago=8) | {"userId": travels})
    shop.post(alias("old", "young"))

    assert known(shop, "young") == known(shop, "old") == Zone("Europe/Paris", DEVICE, LIKELY)


def test_show_and_export_say_where_the_zone_comes_from(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(shop.database.engine.url))
    shop.post(identify(email="astrid@example.com", country="US"))
    shown = CliRunner().invoke(main, ["show", "u"]).output
    exported = json.loads(CliRunner().invoke(main, ["contacts", "export", "u"]).stdout)

    assert "time zone: America/New_York, guess (country)" in shown
    assert exported["time_zone"] == {
        "name": "America/New_York", "source": "country", "confidence": "guess",
    }  # fmt: skip
