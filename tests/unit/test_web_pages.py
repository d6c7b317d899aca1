"""Health, the API's description and page, and the sample shop's pictures."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from sekvens.db.session import Database
from sekvens.web import app
from tests.unit.serving import served


def is_ingress(path: str) -> bool:
    return "/v1/" in path and "/adapters/" not in path


async def test_health_says_whether_the_database_answers(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_database: Database) -> None:
        raise OperationalError("SELECT 1", {}, Exception())

    async with served(sqlite_database) as client:
        well = await client.get("/health")
        monkeypatch.setattr(app, "_ask", gone)  # a database cannot be taken away from SQLite
        ill = await client.get("/health")

    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    assert (ill.status_code, ill.json()["code"]) == (503, "unavailable")


async def test_health_does_not_call_an_empty_database_well(tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")

    async with served(empty) as client:
        reply = await client.get("/health")
    empty.close()

    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")


async def test_every_route_of_ingress_is_described_with_its_body_key_and_errors(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database) as client:
        description = (await client.get("/openapi.json")).json()
    routes = {path: told["post"] for path, told in description["paths"].items() if is_ingress(path)}

    assert len(routes) == 9
    for route in routes.values():
        assert {"200", "400", "401", "503"} <= set(route["responses"])
        assert route["security"][0] == {"writeKey": []}
        reference = route["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert reference.rsplit("/", 1)[-1] in description["components"]["schemas"]


async def test_the_examples_in_the_description_are_accepted(sqlite_database: Database) -> None:
    async with served(sqlite_database) as client:
        description = (await client.get("/openapi.json")).json()
        replies = [
            await client.post(
                path, json=told["post"]["requestBody"]["content"]["application/json"]["example"]
            )
            for path, told in description["paths"].items()
            if is_ingress(path)
        ]

    assert {reply.status_code for reply in replies} == {200}


async def test_the_apis_page_shows_every_route_and_runs_no_script(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database) as client:
        page = await client.get("/docs")
        description = (await client.get("/openapi.json")).json()

    assert page.status_code == 200
    assert all(path in page.text for path in description["paths"])
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/batch", 405, "method_not_allowed"),
        ("GET", "/sample-shop/pictures/nothing.png", 404, "not_found"),
        ("GET", "/sample-shop/pictures/..%2Fsekvens.toml", 404, "not_found"),
        ("GET", "/sample-shop/pictures/sekvens.toml", 404, "not_found"),
    ],
)
async def test_errors_have_a_code_and_a_message(
    sqlite_database: Database, method: str, path: str, status: int, code: str
) -> None:
    async with served(sqlite_database) as client:
        reply = await client.request(method, path)

    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_the_sample_shops_pictures_are_served(sqlite_database: Database) -> None:
    name = next(app.PICTURES.glob("*.png")).name
    async with served(sqlite_database) as client:
        reply = await client.get(f"/sample-shop/pictures/{name}")

    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
    assert reply.headers["cache-control"] == "public, max-age=86400"
