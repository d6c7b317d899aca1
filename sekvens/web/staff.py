"""Logging in to the dashboard, and out of it.

A login that fails says only that it failed: not whether the name exists, nor whether it is
disabled.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.settings import Settings
from sekvens.staff import accounts, sessions
from sekvens.staff.tables import Role
from sekvens.web.pages import page
from sekvens.web.rates import Buckets, Rate, source_of
from sekvens.web.replies import failure, unavailable
from sekvens.web.staff_door import Form, StaffDoor, first, read_form
from sekvens.web.staff_words import WORDS, language_of

#: Failures for one name from one source: a person who mistypes has five, then one in three minutes.
_ONES_OWN: Final = Rate(burst=5, per_second=1 / 180)
#: For one name from everywhere: more, or a stranger could lock somebody out.
_NAME: Final = Rate(burst=50, per_second=1 / 20)
#: For all names from one source.
_SOURCE: Final = Rate(burst=20, per_second=1 / 45)
_NAME_CHARACTERS_MAX: Final = 64

#: A form must say where it comes from, which `no-referrer` would keep from us.
_HEADERS: Final = {"referrer-policy": "same-origin", "cross-origin-resource-policy": "same-origin"}


class StaffPages:
    """Serves `/staff/login` and `/staff/logout`."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._shop = settings.shop
        self._database = database
        self._clock = clock
        self._door = StaffDoor(settings.api, database, clock)
        self._failures = (Buckets(_ONES_OWN), Buckets(_NAME), Buckets(_SOURCE))

    def router(self) -> APIRouter:
        """Make the routes. They are for browsers, and no part of the API's description."""
        router = APIRouter(include_in_schema=False)
        router.get("/staff/login", response_model=None)(self._page(self._ask))
        router.post("/staff/login", response_model=None)(self._page(self._log_in))
        router.post("/staff/logout", response_model=None)(self._page(self._log_out))
        return router

    def _page(self, work: Callable[[Request, Form], Response]) -> Callable[..., object]:
        async def endpoint(request: Request) -> Response:
            if not self._door.is_open:
                return failure(403, "https_only", "staff pages are for https: set api.public_url")
            form = await read_form(request) if request.method == "POST" else {}
            try:
                return await asyncio.to_thread(work, request, form)
            except SQLAlchemyError:
                return unavailable("the database does not answer; try again in a moment")

        return endpoint

    def _ask(self, request: Request, _form: Form) -> Response:
        if self._door.of(request, Role.VIEWER) is not None:
            return _to("/staff")
        return self._login_page(request)

    def _log_in(self, request: Request, form: Form) -> Response:
        if not self._door.is_posted_by_us(request, form):
            return self._login_page(request, status=403, said="stale")
        name = first(form, "name").strip().lower()[:_NAME_CHARACTERS_MAX]
        wait = self._wait(name, request)
        if wait:
            reply = self._login_page(request, status=429, said="too_often")
            reply.headers["retry-after"] = str(int(wait) + 1)
            return reply
        with self._database.read() as session:
            member = accounts.authenticated(session, name, first(form, "password"))
        if member is None:
            return self._login_page(request, status=401, said="wrong")
        self._failures[0].refill(_pair(name, request))
        with self._database.write() as session:
            session_id = sessions.begin(session, member, now=self._clock.now())
        reply = _to("/staff")
        self._door.give_cookie(reply, session_id)
        return reply

    def _log_out(self, request: Request, form: Form) -> Response:
        session_id = self._door.session_id(request)
        if session_id is None or not self._door.is_posted_by_us(request, form):
            return _to("/staff")
        with self._database.write() as session:
            sessions.end(session, session_id)
        reply = _to("/staff/login")
        self._door.take_cookie(reply)
        return reply

    def _wait(self, name: str, request: Request) -> float:
        """Count an attempt before it is tried, so that many at once count too."""
        source = source_of(request.client.host if request.client else None)
        keys = (_pair(name, request), name, source)
        return max(buckets.take(key) for buckets, key in zip(self._failures, keys, strict=True))

    def _login_page(
        self, request: Request, *, status: int = 200, said: str | None = None
    ) -> Response:
        # The form carries what only a browser has that was shown this page.
        session_id = self._door.session_id(request) or sessions.new_session_id()
        token = sessions.form_token(session_id)
        reply = self._shown(request, "staff_login.html", status=status, said=said, form_token=token)
        self._door.give_cookie(reply, session_id)
        return reply

    def _shown(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        accepted = request.headers.get("accept-language", "")
        language = language_of(accepted, default=self._shop.default_locale)
        show = partial(page, template, status=status, locale=language, words=WORDS[language])
        reply = show(shop=self._shop, **values)
        reply.headers.update(_HEADERS)
        return reply


def _pair(name: str, request: Request) -> str:
    return f"{name} {source_of(request.client.host if request.client else None)}"


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=_HEADERS)
