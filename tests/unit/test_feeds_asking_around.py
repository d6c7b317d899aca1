"""Feeds against a real server: in time, in size, never elsewhere, kept, and left alone."""

import logging
import socket
import threading
from collections.abc import Iterator

import pytest

from sekvens.feeds.desk import FeedDesk
from sekvens.feeds.fetching import Failure, FeedFailed, fetch
from sekvens.feeds.resting import FIRST_REST_SECONDS, REST_SECONDS_MAX, Resting
from sekvens.feeds.values import WeatherCode
from tests.unit.feeding import PATIENT, Source, daily, source

#: Every way to tell nothing, and what it is called.
MANNERS = {
    "trickles its headers": Failure.TOO_SLOW,
    "trickles its body": Failure.TOO_SLOW,
    "says nothing": Failure.TOO_SLOW,
    "breaks off": Failure.UNREACHABLE,
    "has endless headers": Failure.UNREACHABLE,
    "is endless": Failure.TOO_LONG,
    "announces an answer without end": Failure.TOO_LONG,
    "is in chunks without end": Failure.TOO_LONG,
    "sends HTML": Failure.NOT_JSON,
    "is packed": Failure.NOT_JSON,
    "leads elsewhere": Failure.REDIRECTED,
    "is no HTTP": Failure.UNREACHABLE,
    500: Failure.STATUS,
    429: Failure.STATUS,
    204: Failure.STATUS,
    400: Failure.REFUSED,
}


class Clock:
    """Wall time in seconds, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def there() -> Iterator[Source]:
    with source() as made:
        yield made


def desk(there: Source, clock: Clock | None = None, **settings: object) -> FeedDesk:
    return FeedDesk({"weather": there.settings(**settings)}, monotonic=clock or Clock())


@pytest.mark.parametrize(("manner", "failure"), MANNERS.items(), ids=map(str, MANNERS))
def test_whatever_a_source_does_asking_it_ends_with_a_word(
    there: Source, manner: str, failure: Failure
):
    there.manner = manner
    seconds = 0.3 if failure is Failure.TOO_SLOW else PATIENT

    with pytest.raises(FeedFailed) as failed:
        fetch(there.url(), bytes_max=50_000, seconds=seconds, allow_private=True)

    assert failed.value.failure is failure
    assert set(there.asked) <= {"/forecast"}  # and nobody was asked for what it leads to


def test_nobody_at_the_other_end_is_unreachable():
    with pytest.raises(FeedFailed) as failed:
        fetch("http://127.0.0.1:1/", bytes_max=9, seconds=PATIENT, allow_private=True)

    assert failed.value.failure is Failure.UNREACHABLE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_network_is_not_asked(there: Source, host: str):
    url = f"http://{host}:{there.port}/"
    with pytest.raises(FeedFailed) as failed:
        fetch(url, bytes_max=9_999, seconds=PATIENT, allow_private=False)

    assert failed.value.failure is Failure.FORBIDDEN
    assert there.asked == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_one_private_address_among_public_ones_is_enough(
    monkeypatch: pytest.MonkeyPatch, address: str
):
    # Patched because no name on this machine leads to both kinds of address.
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with pytest.raises(FeedFailed) as failed:
        fetch("https://api.example/", bytes_max=9, seconds=PATIENT, allow_private=False)

    assert failed.value.failure is Failure.FORBIDDEN


@pytest.mark.parametrize(("bytes_max", "told"), [(2, b"{}"), (1, b"too_long")])
def test_an_answer_may_be_as_long_as_the_settings_say_and_no_longer(
    there: Source, bytes_max: int, told: bytes
):
    there.answer = {}
    try:
        body = fetch(there.url(), bytes_max=bytes_max, seconds=PATIENT, allow_private=True)
    except FeedFailed as failed:
        body = failed.failure.encode()

    assert body == told


def test_an_answer_is_read_and_kept_for_its_time(there: Source):
    clock, url = Clock(), there.url()
    asked = desk(there, clock, cache_minutes=2)
    first, again = (asked.answers({"weather": url})["weather"].values for _ in range(2))
    there.answer = daily(code=0)
    clock.now += 119
    kept = asked.answers({"weather": url})["weather"].values
    clock.now += 2
    anew = asked.answers({"weather": url})["weather"].values

    assert first == {"sky": WeatherCode(code=73), "high": -3, "low": -11} == again == kept
    assert anew["sky"] == WeatherCode(code=0)
    assert len(there.asked) == 2


def test_a_question_that_failed_is_not_asked_again_for_a_minute(there: Source):
    clock = Clock()
    asked = desk(there, clock)
    there.manner = 400
    told = [asked.answers({"weather": there.url()}) for _ in range(3)]
    there.manner = "well"
    clock.now += 61

    assert told == [{}, {}, {}]
    assert len(there.asked) == 1
    assert asked.answers({"weather": there.url()})


def test_a_source_that_fails_is_left_alone_and_then_tried_by_one_question(there: Source):
    clock, there.manner = Clock(), 500
    asked = desk(there, clock)
    for number in range(20):
        asked.answers({"weather": there.url(f"/{number}")})
    after_failing = len(there.asked)
    clock.now += FIRST_REST_SECONDS + 1
    for number in range(20, 40):
        asked.answers({"weather": there.url(f"/{number}")})
    after_a_rest = len(there.asked)
    there.manner = "well"
    clock.now += 2 * FIRST_REST_SECONDS + 1
    told = [asked.answers({"weather": there.url(f"/{number}")}) for number in range(40, 45)]

    assert (after_failing, after_a_rest) == (3, 4)
    assert all(told)


def test_a_source_that_finds_questions_wrong_is_asked_others(there: Source):
    there.manner = 400
    asked = desk(there)
    for number in range(6):
        asked.answers({"weather": there.url(f"/{number}")})

    assert len(there.asked) == 6


def test_rests_grow_to_a_quarter_of_an_hour_and_those_under_way_add_nothing():
    rest, now = Resting(), 0.0
    for _ in range(50):
        rest.failed(now)  # all were asking when it began
    first = rest.until
    for _ in range(12):
        now = rest.until
        assert rest.lets_through(now)
        assert not rest.lets_through(now)
        rest.failed(now)

    assert first == FIRST_REST_SECONDS
    assert rest.until - now == REST_SECONDS_MAX


def test_a_name_that_is_never_found_holds_nobody(monkeypatch: pytest.MonkeyPatch, there: Source):
    ends = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: ends.wait() and [])
    asked = desk(there, timeout_seconds=0.1)
    told = asked.answers({"weather": there.url()})
    ends.set()

    assert told == {}


def test_a_fault_of_ours_is_no_answer_and_its_text_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, there: Source, caplog: pytest.LogCaptureFixture
):
    def getaddrinfo(*_args: object, **_more: object) -> None:
        raise LookupError("at=61.8,16.6")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert desk(there).answers({"weather": there.url()}) == {}
    assert [record.reason for record in caplog.records] == ["LookupError", "fault"]
    assert "61.8" not in caplog.text


def test_the_log_names_the_feed_and_nothing_of_what_was_asked(
    there: Source, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    there.manner = 500
    desk(there).answers({"weather": there.url("/forecast?at=61.8,16.6")})

    [record] = caplog.records
    assert record.getMessage() == "the feed weather told nothing: status"
    assert there.agents == ["sekvens"]
    assert "61.8" not in repr(vars(record))


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch, there: Source):
    monkeypatch.setattr("sekvens.feeds.desk.KEPT_MAX", 2)
    asked = desk(there)
    for path in ("/1", "/2", "/1", "/3", "/1", "/2"):
        asked.answers({"weather": there.url(path)})

    assert there.asked == ["/1", "/2", "/3", "/2"]
