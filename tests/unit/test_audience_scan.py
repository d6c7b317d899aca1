"""A scan enrolls whom it finds, each once, whatever stops it and whoever scans beside it."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from sekvens.audiences import scan, window
from sekvens.audiences.wire import Counts, ScanBatchResult
from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.enroll import enroll
from sekvens.enrollments.publish import live_flow, publish
from sekvens.enrollments.tables import Delivery
from sekvens.flows.asking import trait_is
from sekvens.flows.builder import always, audience, days, once, once_each
from tests.unit.relaying import cart_flow, store_templates
from tests.unit.scanning import START, Shop


class Killed(Exception):
    """The worker dies."""


@pytest.fixture
def shop(database: Database, clock: FrozenClock) -> Shop:
    return Shop(database, clock)


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.look, "__kwdefaults__", {"size": 10})
    monkeypatch.setattr(scan, "ENROLLED_AT_ONCE", 4)


def names(count: int) -> list[str]:
    return [f"c-{number:02}" for number in range(count)]


def test_those_who_fit_enter_and_the_others_are_counted_by_reason(shop: Shop):
    shop.customers("c-away", "c-away-too")
    shop.customers("c-new", ago=days(3))
    shop.contact("c-never")

    assert shop.scan() == Counts(scanned=4, enrolled=2, refused={"conditions": 2})
    assert shop.entered() == ["c-away", "c-away-too"]


def test_whoever_enters_is_owed_a_start_by_the_relay(shop: Shop):
    shop.customers("c-away")
    shop.scan()
    (enrollment,) = shop.enrollments()

    assert enrollment.workflow_id == "comeback/c-away"
    assert enrollment.trigger_event_id is None
    with shop.database.read() as session:
        assert session.get_one(Delivery, (enrollment.id, 0)).delivered_at is None


def test_a_second_scan_finds_them_under_way_and_enrolls_nobody(shop: Shop):
    shop.customers("c-away")
    shop.scan()

    assert shop.scan() == Counts(scanned=1, refused={"under_way": 1})
    assert shop.entered() == ["c-away"]


def test_whoever_left_enters_again_when_the_flow_takes_them_again(shop: Shop):
    shop.customers("c-away")
    shop.scan()
    shop.end_all()
    shop.clock.move(days(180) - timedelta(minutes=1))

    assert shop.scan() == Counts(scanned=1, refused={"reentry": 1})
    shop.clock.move(timedelta(minutes=1))
    assert shop.scan() == Counts(scanned=1, enrolled=1)


@pytest.mark.parametrize(
    ("reentry", "refused"),
    [(once(), {"reentry": 1}), (once_each(), {"reentry": 1}), (always(), {})],
)
def test_every_rule_of_reentry_is_kept(shop: Shop, reentry, refused):
    shop.publish(version=2, reentry=reentry)
    shop.customers("c-away")
    shop.scan()

    assert shop.scan() == Counts(scanned=1, refused={"under_way": 1})
    shop.end_all()
    assert shop.scan().refused == refused


def test_a_merged_contact_enters_as_the_one_who_stands(shop: Shop):
    shop.contact("c-maja")
    shop.contact("c-old", merged_into="c-maja")
    shop.order("c-old", ago=days(100))

    assert shop.scan() == Counts(scanned=1, enrolled=1)
    assert shop.entered() == ["c-maja"]


def test_an_order_of_the_merged_one_counts(shop: Shop):
    shop.customers("c-maja")
    shop.contact("c-old", merged_into="c-maja")
    shop.order("c-old", ago=days(5))

    assert shop.scan() == Counts(scanned=1, refused={"conditions": 1})


def test_what_sql_cannot_say_is_asked_of_each(shop: Shop):
    shop.publish(version=2, trigger=audience("gold", trait_is("tier", "gold")), entry=[])
    shop.customers("c-away")

    assert shop.scan() == Counts(scanned=1, refused={"conditions": 1})


def test_a_scan_goes_on_window_by_window_and_adds_up(shop: Shop, small_windows):
    shop.customers(*names(25))
    scanner = shop.scanner(batch_max=timedelta(0))
    first = scanner.batch("comeback", START, lambda _so_far: None)
    second = scanner.batch("comeback", first, lambda _so_far: None)

    assert (first.cursor, first.counts.scanned, first.total) == ("c-09", 10, 25)
    assert second.counts == Counts(scanned=20, enrolled=20)
    third = scanner.batch("comeback", second, lambda _so_far: None)
    assert (third.cursor, third.counts) == (None, Counts(scanned=25, enrolled=25))
    assert shop.entered() == names(25)


@pytest.mark.parametrize("deadly", range(1, 9))
def test_a_scan_that_dies_anywhere_goes_on_and_enrolls_each_once(
    shop: Shop, small_windows, deadly: int
):
    shop.customers(*names(20))
    beats: list[ScanBatchResult] = []

    def beat(so_far: ScanBatchResult) -> None:
        beats.append(so_far)
        if len(beats) == deadly:
            raise Killed

    try:
        shop.scanner().batch("comeback", START, beat)
    except Killed:
        result = shop.scanner().batch("comeback", beats[-1], lambda _so_far: None)

        assert result.counts.scanned == 20
    assert shop.entered() == names(20)


def test_two_scans_at_once_enroll_each_once(shop: Shop, small_windows):
    shop.customers(*names(40))
    results: list[Counts] = []
    threads = [threading.Thread(target=lambda: results.append(shop.scan())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shop.entered() == names(40)
    assert sum(result.enrolled for result in results) == 40
    assert [result.scanned for result in results] == [40, 40, 40]


def test_an_order_between_the_look_and_the_entry_keeps_them_out(shop: Shop, monkeypatch):
    shop.customers("c-away")
    look = scan.look

    def then_they_order(*args: Any, **given: Any) -> window.Window:
        found = look(*args, **given)
        shop.order("c-away")
        return found

    monkeypatch.setattr(scan, "look", then_they_order)

    assert shop.scan() == Counts(scanned=1, refused={"conditions": 1})


@pytest.mark.parametrize(
    ("flow", "off", "stopped"),
    [
        ("comeback", ["comeback"], "off"),
        ("nothing", [], "not_published"),
        ("cart", [], "no_audience"),
    ],
)
def test_a_flow_that_nobody_can_be_found_for_says_why(shop: Shop, flow, off, stopped):
    shop.customers("c-away")
    with shop.database.write() as session:
        publish(session, cart_flow(), now=shop.clock.now(), store_templates=store_templates)

    result = shop.scanner(off=off).batch(flow, START, lambda _so_far: None)

    assert (result.cursor, result.stopped) == (None, stopped)
    assert shop.entered() == []


def test_a_rehearsal_counts_like_a_scan_and_enrolls_nobody(shop: Shop):
    shop.customers("c-away")
    shop.customers("c-new", ago=days(3))
    rehearsed = shop.scanner().rehearse("comeback", lambda _so_far: None)

    assert shop.entered() == []
    assert rehearsed.counts == shop.scan()


def test_another_flow_or_a_person_enrolls_whom_no_scan_would_find(shop: Shop):
    """The end of a winback leads on to sunset, whatever its audience says."""
    shop.customers("c-new", ago=days(3))
    shop.scan()
    now = shop.clock.now()
    with shop.database.write() as session:
        published = live_flow(session, "comeback")
        enroll(session, published, contact_id="c-new", entry_key=None, trigger=None,
               now_wall=now, now_shop=now)  # fmt: skip

    assert shop.entered() == ["c-new"]


def test_a_merged_contacts_own_passage_is_in_the_way(shop: Shop):
    shop.contact("c-old")
    shop.order("c-old", ago=days(100))
    shop.scan()
    shop.contact("c-maja")
    with shop.database.write() as session:
        session.get_one(Contact, "c-old").merged_into = "c-maja"

    assert shop.scan() == Counts(scanned=1, refused={"under_way": 1})
    shop.end_all()
    assert shop.scan() == Counts(scanned=1, refused={"reentry": 1})
