"""Bad requests get a clear answer, and never one that says that we are broken."""

import asyncio

import pytest

from sekvens.db.session import Database
from sekvens.events.tables import RejectedEvent
from tests.unit.bad_input import EVENTS, REQUESTS, BadRequest, batch, good
from tests.unit.ingesting import Shop
from tests.unit.serving import served


@pytest.mark.parametrize("bad", REQUESTS, ids=lambda bad: bad.kind)
async def test_a_request_that_cannot_be_used_gets_a_sentence_and_the_next_one_is_served(
    sqlite_database: Database, bad: BadRequest
) -> None:
    async with served(sqlite_database) as client:
        reply = await client.post(bad.path, content=bad.body, headers=bad.headers)
        after = await client.post("/v1/batch", content=batch(good("u", "after")))

    assert reply.status_code in bad.statuses
    assert set(reply.json()) == {"code", "message"}
    assert len(reply.json()["message"]) > 10
    assert after.status_code == 200
    assert Shop(sqlite_database).outbox() == ["after"]


async def test_every_kind_of_event_is_answered_with_200_and_leaves_its_neighbours_alone(
    database: Database,
) -> None:
    # All refused kinds, and of those that are taken as many as are soon posted.
    some = [
        event
        for number, event in enumerate(EVENTS)
        if event.expected == "refused" or number % 12 == 0
    ]
    async with served(database) as client:
        replies = await asyncio.gather(
            *(
                client.post(
                    "/v1/batch",
                    content=batch(
                        good(f"u{number}", f"a{number}"),
                        event.body(f"u{number}"),
                        good(f"good{number}", f"b{number}"),
                    ),
                )
                for number, event in enumerate(some)
            )
        )

    shop = Shop(database)
    assert {reply.status_code for reply in replies} == {200}
    assert shop.count(RejectedEvent) == sum(event.expected == "refused" for event in some)
    lost = [n for n in range(len(some)) if shop.outbox(f"good{n}") != [f"b{n}"]]
    assert lost == []


@pytest.mark.parametrize("kind", ["track", "identify", "page"])
async def test_a_bad_event_that_comes_alone_is_kept_too(
    sqlite_database: Database, kind: str
) -> None:
    nested = b'{"userId": "u", "properties": %s}' % (b'{"a":' * 3000 + b"1" + b"}" * 3000)
    async with served(sqlite_database) as client:
        reply = await client.post(f"/v1/{kind}", content=nested)

    assert reply.status_code == 200
    assert Shop(sqlite_database).count(RejectedEvent) == 1


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data", "x" * 300])
async def test_whatever_a_client_calls_its_json_it_is_read(
    sqlite_database: Database, content_type: str
) -> None:
    async with served(sqlite_database) as client:
        headers = {"Content-Type": content_type}
        reply = await client.post("/v1/batch", content=batch(good("u", "1")), headers=headers)

    assert reply.status_code == 200
    assert Shop(sqlite_database).outbox() == ["1"]
