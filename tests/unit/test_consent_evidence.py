"""Evidence of consent: which word counts, in whatever order they come, and what is told of it."""

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from sekvens.contacts.consent import Evidence
from sekvens.contacts.erase import erase
from sekvens.contacts.tables import ConsentChange
from sekvens.db.session import Database
from sekvens.settings import load_settings
from starter import main
from tests.unit.ingesting import NOON, Shop, identify, track

REQUESTED, SUBSCRIBED, LEFT = "Email Confirmation Requested", "Email Subscribed", "Unsubscribed"


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ((REQUESTED,), "pending"),
        ((REQUESTED, SUBSCRIBED), "subscribed"),
        ((SUBSCRIBED, REQUESTED), "subscribed"),
        ((SUBSCRIBED, LEFT, REQUESTED), "pending"),
        ((LEFT, REQUESTED, SUBSCRIBED), "subscribed"),
        ((SUBSCRIBED, REQUESTED, LEFT), "unsubscribed"),
        ((REQUESTED, LEFT), "unsubscribed"),
    ],
)
def test_the_same_word_counts_in_whatever_order_they_come(
    sqlite_database: Database, words: tuple[str, ...], counts: str
) -> None:
    told = [(name, 60 - minute) for minute, name in enumerate(words)]
    for number, order in enumerate(itertools.permutations(told)):
        shop, user = Shop(sqlite_database), f"u{number}"
        for name, ago in order:
            shop.post(track(name, user, ago=ago))

        assert shop.consent(user) == counts, order


def test_an_ip_address_is_never_kept_and_a_page_without_its_query() -> None:
    posted = {"ip": "192.0.2.7", "ip_mark": "192.0.2.7", "page_url": "https://s.example/a?b=c#d"}
    evidence = Evidence.of(posted, event_id="m")

    assert (evidence.ip_mark, evidence.page_url) == (None, "https://s.example/a")
    assert "192.0.2.7" not in str(evidence)


@pytest.mark.parametrize("odd", [None, 7, [], {}, ""])
def test_odd_properties_are_no_evidence_and_no_error(odd: object) -> None:
    names = ("source", "wording", "wording_version", "page_url", "ip_mark")

    assert Evidence.of(dict.fromkeys(names, odd), event_id="m") == Evidence(
        source="api", event_id="m"
    )


@pytest.fixture
def run(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(sqlite_database.engine.url))
    assert load_settings().database.url.startswith("sqlite")
    return lambda *arguments: CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})


def test_the_command_lists_every_change_with_where_and_to_which_words(
    sqlite_database: Database, run: Callable[..., Result]
) -> None:
    shop = Shop(sqlite_database)
    said = {"source": "footer", "wording": "Yes, please", "wording_version": "v7"}
    shop.post(track(SUBSCRIBED, ago=9, page_url="https://s.example/wool?x=1", **said))
    shop.post(track("Email Preferences Changed", ago=5, topics={"news": False}, fewer=True))
    result = run("contacts", "consent", "u")

    assert result.exit_code == 0, result.output
    for told in ("footer", "https://s.example/wool", "v7 ", "topic news", "fewer e-mails: yes"):
        assert told in result.output


def test_only_a_person_ends_a_complaint_and_that_subscribes_nobody(
    sqlite_database: Database, run: Callable[..., Result]
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify(email="a@kund.example"), track(SUBSCRIBED, ago=9), track(LEFT, ago=8))
    shop.post(track("Contact Suppressed", ago=7, reason="complaint"))
    first = run("contacts", "lift", "u", "--because", "wrote to Maja")
    again = run("contacts", "lift", "u", "--because", "wrote to Maja")

    assert (first.exit_code, "complaint" in first.output) == (0, True)
    assert (again.exit_code, "is not suppressed" in again.output) == (1, True)
    assert shop.consent() == "unsubscribed"


def test_erasing_keeps_what_was_agreed_and_forgets_from_where(database: Database) -> None:
    shop = Shop(database)
    said = {"source": "footer", "wording": "Yes", "ip_mark": "a" * 32, "page_url": "https://s/x"}
    shop.post(identify(email="a@kund.example"), track(SUBSCRIBED, ago=9, **said))
    shop.post(track("Email Preferences Changed", ago=5, pause_days=30))
    with database.write() as session:
        erase(session, shop.contact_id(), now=NOON, now_shop=NOON + timedelta(0))

    with database.read() as session:
        [kept] = session.scalars(select(ConsentChange))
    assert (kept.status, bool(kept.wording_digest)) == ("subscribed", True)
    assert (kept.source, kept.ip_mark, kept.page_url) == ("", None, None)
