"""Segment's HTTP API, from the outside."""

import gzip
import json
import logging
import tracemalloc
from typing import Any

import pytest
from sqlalchemy import text

from sekvens.db.session import Database
from sekvens.events import writer
from sekvens.events.tables import ContactEvent, RejectedEvent
from sekvens.web.posting import BODY_BYTES_MAX
from tests.unit.ingesting import Shop, identify, track
from tests.unit.serving import served
from tests.unit.test_barrier import dispatch
from tests.unit.waiting import a_message_leaving

ADDRESS = "astrid@example.com"
BATCH = {"batch": [track("Product Added", ID="1", product_id="p")]}


async def test_a_batch_is_answered_with_exactly_200_once_it_is_committed(
    database: Database,
) -> None:
    async with served(database) as client:
        reply = await client.post("/v1/batch", json=BATCH)
        stored = Shop(database).outbox()

    assert (reply.status_code, reply.text) == (200, '{"success": true}')
    assert reply.headers["content-type"] == "application/json"
    assert stored == ["1"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("track", {"userId": "u", "event": "A"}),
        ("identify", {"userId": "u"}),
        ("alias", {"userId": "u", "previousId": "a"}),
        ("page", {"userId": "u"}),
        ("import", {"batch": [{"type": "track", "userId": "u", "event": "A"}]}),
    ],
)
async def test_every_method_stores_its_event(
    sqlite_database: Database, path: str, body: dict[str, Any]
) -> None:
    async with served(sqlite_database) as client:
        reply = await client.post(f"/v1/{path}", json=body)

    assert reply.status_code == 200
    assert Shop(sqlite_database).count(ContactEvent) == 1


@pytest.mark.parametrize("path", ["screen", "group"])
async def test_screen_and_group_are_accepted_and_ignored(
    sqlite_database: Database, path: str
) -> None:
    async with served(sqlite_database) as client:
        reply = await client.post(f"/v1/{path}", json={"userId": "u"})

    assert reply.status_code == 200
    assert Shop(sqlite_database).count(ContactEvent) == 0


async def test_a_bad_event_is_kept_and_never_fails_its_batch(sqlite_database: Database) -> None:
    body = json.dumps({"batch": [*BATCH["batch"], track("A", n=float("nan")), 7, None]})
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/batch", content=body)

    shop = Shop(sqlite_database)
    assert reply.status_code == 200
    assert (shop.count(ContactEvent), shop.count(RejectedEvent)) == (1, 3)


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
async def test_gzip_goes_by_the_encoding_whatever_the_type(
    sqlite_database: Database, content_type: str
) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": content_type}
    body = gzip.compress(json.dumps(BATCH).encode())
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/batch", content=body, headers=headers)

    assert reply.status_code == 200
    assert Shop(sqlite_database).outbox() == ["1"]


@pytest.mark.parametrize(
    ("auth", "key", "status"),
    [
        (("wk_second", ""), None, 200),
        (("wk_wrong", ""), None, 401),
        (("wk_wrong", ""), "wk_first", 401),
        (None, "wk_first", 200),
        (None, "wk_wrong", 401),
        (None, None, 401),
        (("", ""), None, 401),
    ],
)
async def test_a_write_key_is_asked_for(
    sqlite_database: Database, auth: Any, key: str | None, status: int
) -> None:
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/batch", json={**BATCH, "writeKey": key}, auth=auth)

    assert reply.status_code == status
    assert Shop(sqlite_database).count(ContactEvent) == (status == 200)


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer wk_first", "Basic /////w=="])
async def test_a_broken_authorization_is_401(sqlite_database: Database, header: str) -> None:
    async with served(sqlite_database) as client:
        request = client.build_request(
            "POST", "/v1/batch", json=BATCH, headers={"Authorization": header}
        )
        reply = await client.send(request, auth=None)

    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    assert reply.headers["www-authenticate"].startswith("Basic")


async def test_without_keys_in_the_settings_nobody_gets_in(sqlite_database: Database) -> None:
    async with served(sqlite_database, SEKVENS_API__WRITE_KEYS="") as client:
        reply = await client.post("/v1/batch", json={**BATCH, "writeKey": ""}, auth=("", ""))

    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (b"{", "identity", "invalid_request"),
        (b"[1]", "identity", "invalid_request"),
        (b"\xff\xfe", "identity", "invalid_request"),
        (b" " * (BODY_BYTES_MAX + 1), "identity", "too_large"),
        (gzip.compress(b" " * (BODY_BYTES_MAX + 1)), "gzip", "too_large"),
        (b"no gzip", "gzip", "invalid_request"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-9], "gzip", "invalid_request"),
        (b"{}", "br", "unsupported_encoding"),
    ],
)
async def test_what_cannot_be_read_is_400_and_not_quoted(
    sqlite_database: Database, body: bytes, encoding: str, code: str
) -> None:
    async with served(sqlite_database) as client:
        headers = {"Content-Encoding": encoding}
        reply = await client.post("/v1/batch", content=body, headers=headers)

    assert reply.status_code == 400
    assert set(reply.json()) == {"code", "message"}
    assert reply.json()["code"] == code


async def test_a_gzip_bomb_costs_no_more_than_the_limit(sqlite_database: Database) -> None:
    bomb = gzip.compress(bytes(100 * 1024 * 1024))
    async with served(sqlite_database) as client:
        tracemalloc.start()
        reply = await client.post("/v1/batch", content=bomb, headers={"Content-Encoding": "gzip"})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert reply.status_code == 400
    assert peak < 3 * BODY_BYTES_MAX


async def test_a_database_that_is_gone_is_503_with_when_to_come_back(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database) as client:
        with sqlite_database.write() as session:
            session.execute(text("ALTER TABLE events RENAME TO gone"))
        reply = await client.post("/v1/batch", json=BATCH)

    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) > 0


async def test_too_much_waiting_is_503(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "WAITING_EVENTS_MAX", 0)
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/batch", json=BATCH)

    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")


async def test_a_bug_is_a_plain_500_and_no_traceback_or_payload_is_told(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_named: object) -> None:
        raise KeyError(ADDRESS)

    monkeypatch.setattr("sekvens.web.ingress.read_batch", broken)  # a bug cannot be had otherwise
    async with served(sqlite_database) as client:
        with caplog.at_level(logging.ERROR):
            reply = await client.post("/v1/batch", json=BATCH)

    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert ADDRESS not in reply.text + caplog.text
    assert "KeyError while answering POST /v1/batch" in caplog.text


async def test_the_reply_to_a_purchase_waits_for_a_message_on_its_way(database: Database) -> None:
    shop = Shop(database)
    shop.post(identify("u"))
    dispatch(shop, shop.contact_id())
    async with served(database) as client:
        with a_message_leaving(database, shop.contact_id()) as left:
            await client.post("/v1/track", json={"userId": "u", "event": "Order Completed"})
            left_before_the_reply = bool(left)

    assert left_before_the_reply
