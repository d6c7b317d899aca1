"""The barrier: a reply waits for a message to the same contact that is on its way."""

import logging
import threading
import time
from datetime import datetime, timedelta
from functools import partial

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from sekvens.audiences.retention import Ground, Retention
from sekvens.clock import FrozenClock
from sekvens.contacts.tables import ErasureReason
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.barrier import in_dispatch, wait_for_senders
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import ledger
from sekvens.messages.tables import Message, MessageState, Overlap
from starter import main
from tests.unit.ingesting import NOON, Shop, alias, identify
from tests.unit.waiting import PATIENCE, a_message_leaving

CLOCK = FrozenClock(NOON)


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify("u"))
    return shop


def dispatch(shop: Shop, contact_id: str, state: str = MessageState.DISPATCHING) -> None:
    """Write the ledger row of a message on its way."""
    with shop.database.write() as session:
        session.add(
            Enrollment(
                id="e-1",
                flow="f",
                flow_version=1,
                contact_id=contact_id,
                workflow_id="f/1",
                started_at=NOON,
            )
        )
        session.flush()
        session.add(
            Message(
                id="m-1",
                enrollment_id="e-1",
                step_id="s",
                contact_id=contact_id,
                flow="f",
                flow_version=1,
                template="f/s",
                template_digest="d",
                purpose="marketing",
                state=state,
                claimed_at=NOON,
            )
        )


def overlapped(shop: Shop) -> dict[str, datetime]:
    """Tell which messages overlapped with a fact, and when."""
    with shop.database.read() as session:
        return {row.message_id: row.at for row in session.scalars(select(Overlap))}


def test_the_reply_waits_until_the_sender_has_finished(shop: Shop) -> None:
    dispatch(shop, shop.contact_id())
    with a_message_leaving(shop.database, shop.contact_id()) as left:
        passed = wait_for_senders(shop.database, [shop.contact_id()], clock=CLOCK)
        left_before_the_reply = bool(left)

    assert passed
    assert left_before_the_reply


def test_a_sender_that_takes_too_long_is_an_overlap_and_recorded(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch(shop, shop.contact_id())
    held = shop.database.locks.hold(shop.contact_id(), timeout=timedelta(seconds=PATIENCE))
    with held, caplog.at_level(logging.WARNING):
        passed = wait_for_senders(
            shop.database,
            [shop.contact_id()],
            clock=CLOCK,
            timeout=timedelta(milliseconds=100),
        )

    assert not passed
    assert [getattr(record, "action", "") for record in caplog.records] == ["send_overlapped"]
    assert overlapped(shop) == {"m-1": NOON}


@pytest.mark.parametrize("who", ["the command", "retention"])
def test_whoever_erases_waits_for_an_email_on_its_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    contact_id = shop.contact_id()
    url = shop.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setattr(Retention, "_due", lambda *_, **__: [contact_id])
    retention = Retention(
        database=shop.database, clock=CLOCK, shop_time=ShopTime(), inactive_after=timedelta(days=1)
    )
    dispatch(shop, contact_id)
    ground = Ground(why=ErasureReason.INACTIVE, after=timedelta(days=1), whom=lambda *_: ())
    erase = partial(retention._erase, contact_id, ground, NOON)
    if who == "the command":
        erase = partial(CliRunner().invoke, main, ["contacts", "erase", contact_id, "--yes"])
    eraser = threading.Thread(target=erase)
    with shop.database.locks.hold(contact_id, timeout=timedelta(seconds=PATIENCE)):
        eraser.start()
        while shop.contact() is not None:  # until it is committed
            time.sleep(0.01)
        eraser.join(0.5)
        is_waiting = eraser.is_alive()
    eraser.join()

    assert is_waiting


def test_an_overlap_is_recorded_on_what_is_leaving_and_the_first_one_stands(shop: Shop) -> None:
    shop.now = NOON + timedelta(minutes=1)
    shop.post(identify("young"), identify("stranger"))
    young, old = shop.contact_id("young"), shop.contact_id()
    dispatch(shop, young)
    shop.post(alias("u", "young"))
    with shop.database.write() as session:
        assert ledger.overlapped(session, [shop.contact_id("stranger")], now=NOON) == []
        assert ledger.overlapped(session, [old], now=NOON) == ["m-1"]
        assert ledger.overlapped(session, [young], now=NOON + timedelta(minutes=2)) == ["m-1"]

    assert overlapped(shop) == {"m-1": NOON}


@pytest.mark.parametrize("state", [MessageState.PENDING, MessageState.ACCEPTED])
def test_a_message_that_is_not_on_its_way_is_not_waited_for(shop: Shop, state: str) -> None:
    dispatch(shop, shop.contact_id(), state)
    with shop.database.locks.hold(shop.contact_id(), timeout=timedelta(seconds=PATIENCE)):
        passed = wait_for_senders(shop.database, [shop.contact_id()], clock=CLOCK)

    assert passed


def test_a_message_of_a_contact_merged_away_is_waited_for_under_both_ids(shop: Shop) -> None:
    shop.now = NOON + timedelta(minutes=1)
    shop.post(identify("young"))
    old, young = shop.contact_id("u"), shop.contact_id("young")
    dispatch(shop, young)
    shop.post(alias("u", "young"))

    with shop.database.read() as session:
        assert in_dispatch(session, [old]) == {frozenset({old, young})}
