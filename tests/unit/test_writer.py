"""Group commit: many requests in one transaction, and none of them can harm another."""

from concurrent.futures import Future
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.events import writer
from sekvens.events.ingest import Ingested
from sekvens.events.parse import IncomingEvent
from sekvens.events.tables import ContactEvent, RejectedEvent
from sekvens.events.writer import DatabaseUnavailable, GroupCommitWriter, WriterBusy
from sekvens.flows.shop_time import ShopTime
from tests.unit.ingesting import NOON, Shop


def incoming(number: int, **changes: Any) -> IncomingEvent:
    made: dict[str, Any] = {
        "type": "track",
        "name": "Product Added",
        "message_id": f"m{number}",
        "user_id": f"u{number}",
        "occurred_at": NOON,
        "received_at": NOON,
    }
    return IncomingEvent(**made | changes)


def submit_together(database: Database, *batches: list[IncomingEvent]) -> list[Future[Ingested]]:
    """Submit while the writer cannot store, so that the batches form a group; wait for all."""
    stalled = GroupCommitWriter(database, FrozenClock(NOON), ShopTime())
    with stalled._changed:
        futures = [stalled.submit(batch) for batch in batches]
    stalled.close()
    return futures


@pytest.fixture
def commits(database: Database) -> list[int]:
    counted: list[int] = []
    event.listen(database.engine, "commit", lambda _connection: counted.append(1))
    return counted


def test_what_waits_together_is_committed_together(database: Database, commits: list[int]) -> None:
    futures = submit_together(database, *[[incoming(number)] for number in range(50)])

    assert [future.result().accepted for future in futures] == [1] * 50
    assert len({future.result().contact_ids for future in futures}) == 50
    assert len(commits) <= 2


def test_one_event_that_cannot_be_stored_is_kept_as_rejected(database: Database) -> None:
    poison = incoming(2, occurred_at=NOON.replace(tzinfo=None))
    futures = submit_together(
        database, [incoming(1)], [poison, incoming(3)], [incoming(4)], [incoming(4)]
    )

    told = [future.result() for future in futures]
    assert [(one.accepted, one.rejected, one.duplicates) for one in told] == [
        (1, 0, 0),
        (1, 1, 0),
        (1, 0, 0),
        (0, 0, 1),
    ]
    shop = Shop(database)
    assert (shop.count(ContactEvent), shop.count(RejectedEvent)) == (3, 1)


def test_a_database_that_is_gone_fails_every_request_and_not_the_thread(
    sqlite_database: Database,
) -> None:
    thread = GroupCommitWriter(sqlite_database, FrozenClock(NOON), ShopTime())
    with sqlite_database.write() as session:
        session.execute(text("ALTER TABLE events RENAME TO gone"))
    failed = thread.submit([incoming(1)])
    with pytest.raises(DatabaseUnavailable):
        failed.result(10)
    with sqlite_database.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO events"))

    assert thread.submit([incoming(1)]).result(10).accepted == 1
    thread.close()


def test_too_much_waiting_is_refused_at_once(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_EVENTS_MAX", 3)
    thread = GroupCommitWriter(sqlite_database, FrozenClock(NOON), ShopTime())
    with thread._changed:
        thread.submit([incoming(1), incoming(2)])
        with pytest.raises(WriterBusy):
            thread.submit([incoming(3), incoming(4)])
    thread.close()

    with pytest.raises(WriterBusy):
        thread.submit([incoming(5)])


def test_closing_stores_what_waits(sqlite_database: Database) -> None:
    futures = submit_together(sqlite_database, *[[incoming(number)] for number in range(600)])

    assert all(future.result().accepted == 1 for future in futures)
    assert Shop(sqlite_database).count(ContactEvent) == 600


def race(monkeypatch: pytest.MonkeyPatch, *, lost: int) -> None:
    """Lose so many races for an event against another process."""
    real, races = writer.ingest, iter(range(lost))

    def losing(*args: Any, **options: Any) -> Ingested:
        if next(races, None) is not None and isinstance(args[1][0], IncomingEvent):
            raise IntegrityError("INSERT", {}, Exception())
        return real(*args, **options)

    def together(*_args: Any, **_options: Any) -> list[Ingested]:
        raise IntegrityError("INSERT", {}, Exception())

    monkeypatch.setattr(writer, "ingest", losing)
    monkeypatch.setattr(writer, "ingest_all", together)


@pytest.mark.parametrize(("lost", "accepted"), [(writer.RACES_MAX - 1, 1), (writer.RACES_MAX, 0)])
def test_an_event_that_lost_every_race_but_the_last_is_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch, lost: int, accepted: int
) -> None:
    race(monkeypatch, lost=lost)
    (future,) = submit_together(database, [incoming(1)])

    told = future.result()
    assert (told.accepted, told.rejected) == (accepted, 1 - accepted)
    assert Shop(database).count(ContactEvent) == accepted
