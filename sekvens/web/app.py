"""The HTTP app, put together: ingress, public links, health and the API's own page."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response

from sekvens.clock import Clock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.settings import Settings
from sekvens.web import openapi
from sekvens.web.adapters import Adapters
from sekvens.web.answers import Answers
from sekvens.web.clicks import ClickPages
from sekvens.web.confirm import Confirm
from sekvens.web.dashboard.serving import Dashboard
from sekvens.web.ingress import Ingress
from sekvens.web.limits import Limits
from sekvens.web.posting import WriteKeys
from sekvens.web.preferences import PreferencePage
from sekvens.web.products import ProductDoor
from sekvens.web.reference import reference_page
from sekvens.web.replies import Outermost, failure, on_http_error, unavailable
from sekvens.web.sign_up import SignUp
from sekvens.web.sns import SnsDoor
from sekvens.web.staff import StaffPages
from sekvens.web.unsubscribe import Unsubscribe
from sekvens.web.view import View

PICTURES: Final = Path(__file__).parents[1] / "sample_shop" / "pictures"
_PICTURE: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\.(?:png|jpg|webp)")


def create_app(
    settings: Settings,
    database: Database,
    clock: Clock,
    *,
    beside: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
) -> FastAPI:
    """Make the app. Its writer starts with it, and stores everything that waits before it stops.

    `beside` is entered with the app and left with it: what else the process does.
    """
    keys = WriteKeys(settings.api.write_keys)
    products = ProductDoor(settings, database, clock, keys)
    ingress = Ingress(
        keys,
        database,
        clock,
        settings.shop_time(),
        shop=settings.shop,
        consent=settings.consent,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with beside():
            ingress.start()
            yield
            await asyncio.to_thread(ingress.stop)
            await asyncio.to_thread(products.stop)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Limits)
    app.add_middleware(Outermost, is_https=settings.api.public_url.startswith("https://"))
    app.add_exception_handler(HTTPException, on_http_error)
    app.include_router(ingress.router())
    app.include_router(products.router())
    app.include_router(Adapters(settings, database, clock, ingress, products).router())
    app.include_router(Unsubscribe(settings, database, clock).router())
    app.include_router(Answers(settings, database, clock).router())
    app.include_router(SnsDoor(settings, database, clock).router())
    app.include_router(ClickPages(settings, database, clock).router())
    app.include_router(PreferencePage(settings, database, clock).router())
    app.include_router(View(settings, database, clock).router())
    app.include_router(SignUp(settings, database, clock).router())
    app.include_router(Confirm(settings, database, clock).router())
    app.include_router(StaffPages(settings, database, clock).router())
    app.include_router(Dashboard(settings, database, clock).router())
    app.include_router(_service(database))
    _add_reference(app, settings.api.public_url)
    return app


def _service(database: Database) -> APIRouter:
    router = APIRouter(tags=["Service"])

    @router.get(
        "/health",
        summary="Whether this process can do its work",
        operation_id="health",
        responses={
            200: {"description": "The database answers"},
            503: openapi.failure_response("It does not"),
        },
        response_model=None,
    )
    async def health() -> Response:
        try:
            await asyncio.to_thread(_ask, database)
        except SQLAlchemyError:
            return unavailable("the database does not answer")
        return JSONResponse({"status": "ok"})

    @router.get(
        "/sample-shop/pictures/{name}",
        summary="A picture of the sample shop's products",
        operation_id="sample_shop_picture",
        responses={
            200: {"description": "The picture", "content": {"image/png": {}}},
            404: openapi.failure_response("There is none of this name"),
        },
        response_model=None,
    )
    async def picture(name: str) -> Response:
        path = PICTURES / name
        if not _PICTURE.fullmatch(name) or not path.is_file():
            return failure(404, "not_found", "the sample shop has no such picture")
        return FileResponse(path, headers={"cache-control": "public, max-age=86400"})

    return router


def _ask(database: Database) -> None:
    with database.read() as session:
        # A table of ours: SQLite answers `SELECT 1` from an empty file too.
        session.execute(select(Contact.id).limit(1))


def _add_reference(app: FastAPI, public_url: str) -> None:
    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.build(app)
        return app.openapi_schema

    # FastAPI looks for the method by this name.
    app.openapi = described  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        return JSONResponse(described())

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return reference_page(described(), public_url=public_url)
