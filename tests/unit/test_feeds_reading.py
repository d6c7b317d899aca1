"""What a feed may be told of a contact, and what is taken of its answer."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.feeds.asking import questions
from sekvens.feeds.reading import Unusable, faults, read, samples
from sekvens.feeds.section import FeedSettings, FieldSettings
from sekvens.feeds.values import FeedLink, FeedText, WeatherCode
from sekvens.feeds.weather import WEATHER_WORDS
from tests.unit.feeding import PLACE, daily, weather


def asked(traits: dict[str, Any], **kinds: str) -> str | None:
    url = "https://api.example/?" + "&".join(f"{name}={{{name}}}" for name in kinds)
    feed = weather(url=url, hosts=("api.example",), traits=kinds)
    return questions({"one": feed}, ["one"], traits).get("one")


def taken(value: object, kind: str) -> object:
    fields = {
        "it": FieldSettings(at="a.0", kind=kind),
        "other": FieldSettings(at="b", kind="number"),
    }
    body = json.dumps({"a": [value], "b": 1}).encode()
    hosts = ("api.open-meteo.com", "api.example")
    return read(body, weather(fields=fields, hosts=hosts)).values.get("it")


def test_a_place_leaves_in_tenths_of_a_degree_and_nothing_else_leaves():
    traits = PLACE | {"first_name": "Maja", "email": "maja.alm@kund.example"}
    [url] = questions({"weather": weather()}, ["weather"], traits).values()

    assert "latitude=61.8&longitude=16.6&daily=" in url
    assert "Maja" not in url
    assert "@" not in url


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (-0.04, "coordinate", "0.0"),
        ("-33.86", "coordinate", "-33.9"),
        (181, "coordinate", None),
        (float("nan"), "coordinate", None),
        ("Delsbo", "coordinate", None),
        (True, "number", None),
        (41.6, "number", "42"),
        (10**10, "number", None),
        ("SE-X", "token", "SE-X"),
        ("a b", "token", None),
        ("å", "token", None),
        ("../admin", "token", None),
        ("x" * 33, "token", None),
        (None, "token", None),
        ([1], "number", None),
    ],
)
def test_a_trait_is_written_by_its_kind_or_nothing_is_asked(
    value: object, kind: str, written: str | None
):
    url = asked({"it": value}, it=kind)

    assert url == (f"https://api.example/?it={written}" if written is not None else None)


def test_a_feed_that_the_settings_do_not_have_is_not_asked():
    assert questions({"weather": weather()}, ["news"], PLACE) == {}


@pytest.mark.parametrize(
    ("value", "kind", "is_taken"),
    [
        (-2.6, "number", -3),
        (True, "number", None),
        ("3", "number", None),
        (10**10, "number", None),
        (None, "number", None),
        ([3], "number", None),
        (73, "weather_code", WeatherCode(code=73)),
        (73.0, "weather_code", WeatherCode(code=73)),
        (73.4, "weather_code", None),
        (4, "weather_code", None),
        (" Snö  i\n fjäll, 2.5 mm kl 12:30 ", "text", FeedText("Snö i fjäll, 2.5 mm kl 12:30")),
        ("<b>snö</b>", "text", FeedText("<b>snö</b>")),  # it is escaped where it stands
        ("", "text", None),
        (3, "text", None),
        ("x" * 201, "text", None),
        ("se evil.example", "text", None),
        ("www.x", "text", None),
        ("a@b", "text", None),
        ("//evil", "text", None),
        ("tel:112", "text", None),
        ("javascript:alert", "text", None),
        ("snö\u202e", "text", None),
        ("\ue0000\ue004", "text", None),
        ("\x00", "text", None),
        ("https://api.example/a?b=1&c=2", "link", FeedLink("https://api.example/a?b=1&c=2")),
        ("https://api.example", "link", FeedLink("https://api.example")),
        ("http://api.example/", "link", None),
        ("https://evil.example/", "link", None),
        ("https://api.example.evil.example/", "link", None),
        ("https://api.example@evil.example/", "link", None),
        ("https://api.example:8443/", "link", None),
        ("https://api.example/\n", "link", None),
        ("https://api.example/å", "link", None),
        ("javascript:alert(1)", "link", None),
    ],
)  # fmt: skip
def test_a_field_is_taken_if_it_is_of_its_kind(value: object, kind: str, is_taken: object):
    found = taken(value, kind)

    assert found == is_taken
    assert type(found) is type(is_taken)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 9_999, b"\xff", b"null", b"[]", b'{"a": NaN}'])
def test_an_answer_in_which_nothing_fits_is_none(body: bytes):
    with pytest.raises(Unusable):
        read(body, weather())


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=40).map(json.dumps).map(str.encode))
def test_any_bytes_are_an_answer_or_unusable(body: bytes):
    try:
        answer = read(body, weather())
    except Unusable:
        return

    assert answer.values


def test_every_weather_code_has_words_in_both_languages_and_no_two_the_same():
    for locale in ("sv", "en"):
        words = [said[locale] for said in WEATHER_WORDS.values()]

        assert len(words) == len(set(words)) == 28
        assert all(word == word.strip() and word[0].islower() for word in words)


def test_the_samples_of_the_shop_have_every_field():
    feeds = {"weather": weather()}

    assert faults(feeds) == []
    assert samples(feeds)["weather"].values == {"sky": WeatherCode(code=73), "high": -3, "low": -11}
    assert samples(feeds)["weather"].is_sample


@pytest.mark.parametrize("sample", [json.dumps(daily(high=None)), "{", "{}"])
def test_a_sample_and_a_field_that_do_not_fit_are_named(sample: str):
    said = faults({"weather": weather(sample=sample)})

    assert any(fault.startswith("feeds.weather.fields.high: the sample has no") for fault in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "ftp://api.example/{x}"}, "must begin with https"),
        ({"url": "http://api.example/{x}"}, "unless it is this machine"),
        ({"url": "https://user@api.example/{x}"}, "must begin with https"),
        ({"url": "https://other.example/{x}"}, "hosts are names"),
        ({"hosts": ("api.example", "https://b.example")}, "hosts are names"),
        ({"url": "https://api.example/"}, "for each of its traits"),
        ({"url": "https://api.example/{x}{y}"}, "for each of its traits"),
        ({"url": "https://api.example/{x!r}"}, "plainly"),
        ({"url": "https://api.example/{x:99}"}, "plainly"),
        ({"url": "https://api.example/{x"}, "a brace"),
        ({"url": "https://{x}.api.example/", "hosts": ("{x}.api.example",)}, "hosts are names"),
        ({"fields": {}}, "has fields"),
        ({"fields": {"__class__": FieldSettings(at="a", kind="text")}}, "has fields"),
    ],
)
def test_a_feed_that_could_not_work_or_not_be_trusted_is_refused(
    changes: dict[str, Any], said: str
):
    sound: dict[str, Any] = {
        "url": "https://api.example/{x}?key=secret",
        "hosts": ("api.example",),
        "traits": {"x": "number"},
        "fields": {"a": FieldSettings(at="a", kind="text")},
        "sample": "{}",
    }
    with pytest.raises(ValueError, match=said) as refused:
        FeedSettings(**(sound | changes))

    assert "api.example/" not in str(refused.value)
    assert "secret" not in repr(FeedSettings(**sound))
