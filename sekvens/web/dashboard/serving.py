"""Serves the dashboard: its pages, its actions, its files.

Nothing is shown to whoever is not logged in. What a member's role does not allow is not offered,
and refused if it is asked for all the same.
"""

import asyncio
import mimetypes
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.metrics.rules import Rules
from sekvens.settings import Settings
from sekvens.staff import audit
from sekvens.staff.tables import Role
from sekvens.web.dashboard.acting import Acting
from sekvens.web.dashboard.action import Action
from sekvens.web.dashboard.addresses import is_ours
from sekvens.web.dashboard.asked import ID_DIGITS, PERIODS, Asked, House
from sekvens.web.dashboard.holding import in_words, note_of
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.pages import ACTIONS, PAGES, SECTIONS
from sekvens.web.dashboard.reasons import Reasons
from sekvens.web.dashboard.rendering import HEADERS, STATIC, rendered
from sekvens.web.dashboard.words import LANGUAGES, Words
from sekvens.web.replies import failure
from sekvens.web.staff_door import Form, LoggedIn, StaffDoor, first, read_form
from sekvens.web.staff_words import language_of

_FILE: Final = re.compile(r"[a-z]+(?:\.min)?\.(?:css|js|svg)")
_LANGUAGE_COOKIE: Final = "sekvens-language"
#: The element that asks anew; what it asks for keeps nobody logged in.
LIVE: Final = "live"


class Dashboard:
    """Serves everything below `/staff` but logging in and out."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._house = House(
            settings=settings,
            database=database,
            clock=clock,
            shop_time=settings.shop_time(),
            rules=Rules.of(settings),
        )
        self._door = StaffDoor(settings.api, database, clock)
        self._actions = {action.name: action for action in ACTIONS}

    def router(self) -> APIRouter:
        """Make the routes. They are for browsers, and no part of the API's description."""
        router = APIRouter(include_in_schema=False)
        router.get("/staff/static/{name}", response_model=None)(_file)
        router.get("/staff/language/{to}", response_model=None)(self._set_language)
        for action in ACTIONS:
            for method in (router.get, router.post):
                method(f"/staff/do/{action.name}", response_model=None)(
                    self._served(partial(self._act, action))
                )
        for page in PAGES:
            endpoint = self._served(partial(self._page, page))
            router.get(page.path, response_model=None)(endpoint)
            if page.posted:
                router.post(page.path, response_model=None)(endpoint)
        return router

    def _served(self, work: Callable[[Request, LoggedIn, Form], Response]) -> Callable[..., object]:
        async def endpoint(request: Request) -> Response:
            if not self._door.is_open:
                return failure(403, "https_only", "staff pages are for https: set api.public_url")
            form = await read_form(request) if request.method == "POST" else {}
            try:
                return await asyncio.to_thread(self._answer, request, form, work)
            except SQLAlchemyError:
                return self._said(request, None, "no_database", status=503)

        return endpoint

    def _answer(
        self,
        request: Request,
        form: Form,
        work: Callable[[Request, LoggedIn, Form], Response],
    ) -> Response:
        is_live = request.headers.get("hx-trigger") == LIVE
        who = self._door.of(request, Role.VIEWER, keeps=not is_live)
        if who is None and is_live:
            return Response(status_code=204, headers={"hx-redirect": "/staff/login"})
        if who is None:
            return RedirectResponse("/staff/login", 303, headers=HEADERS)
        if request.method == "POST" and not self._door.is_posted_by_us(request, form):
            return self._said(request, who, "stale", status=403)
        return work(request, who, form)

    def _page(self, page: Page, request: Request, who: LoggedIn, form: Form) -> Response:
        if not who.role.may(page.role):
            return self._said(request, who, "not_allowed", status=403)
        asked = self._asked(request, who, form, page.name)
        with self._house.database.read() as session:
            values = page.show(self._house, session, asked)
            if values is None:
                return self._said(request, who, "not_found", status=404)
            if isinstance(values, Response):
                return values
            values = {"notice": _notice(session, asked), **values}
            return self._shown(f"{page.name}.html", request, asked, page, values)

    def _act(self, action: Action, request: Request, who: LoggedIn, form: Form) -> Response:
        if not who.role.may(action.role):
            return self._said(request, who, "not_allowed", status=403)
        asked = self._asked(request, who, form, action.words)
        acting = Acting(self._house, action, asked)
        acted = acting.act() if request.method == "POST" else None
        if acted is not None and acted.document is not None:
            return acted.document
        if acted is not None:
            return RedirectResponse(acted.where, 303, headers=HEADERS)
        return self._shown("action.html", request, asked, None, acting.question())

    def _asked(self, request: Request, who: LoggedIn, form: Form, words: str) -> Asked:
        now = self._house.clock.now()
        given = request.query_params
        fields = {**{name: given.getlist(name) for name in given}, **form}
        return Asked(
            who=who,
            t=Words(words, self._language(request)),
            now=now,
            shop_now=self._house.shop_time.at(now),
            today=self._house.rules.day_of_wall(now),
            path=dict(request.path_params),
            query={name: first(fields, name) for name in fields},
            fields=fields,
            is_posted=request.method == "POST",
        )

    def _said(self, request: Request, who: LoggedIn | None, said: str, *, status: int) -> Response:
        t = Words("said", self._language(request))
        values = {**self._frame(request, who, None, {}), "said": t(said), "may": None}
        return self._rendered("said.html", t, values, status=status)

    def _shown(
        self,
        template: str,
        request: Request,
        asked: Asked,
        page: Page | None,
        values: Mapping[str, object],
    ) -> Response:
        frame = self._frame(request, asked.who, page, asked.query)
        own = {
            "asked": asked,
            "do": partial(self._button, asked),
            "deed": partial(self._deed, asked),
            "periods": PERIODS,
            "reasons": Reasons(asked.language),
            "in_words": in_words,
            "note_of": note_of,
        }
        return self._rendered(template, asked.t, {**frame, **own, **values})

    def _frame(
        self,
        request: Request,
        who: LoggedIn | None,
        page: Page | None,
        query: Mapping[str, str],
    ) -> dict[str, Any]:
        asks = {name: value for name, value in query.items() if name != "done"}
        return {
            "who": who,
            "shop": self._house.settings.shop,
            "sections": SECTIONS if who else (),
            "section": page.section if page else "",
            "live": page.live if page and request.method == "GET" else (),
            "here": f"{request.url.path}?{urlencode(asks)}" if page else "",
            "notice": None,
            "note": self._house.settings.dashboard.note.get(self._language(request), ""),
            "now": self._house.shop_time.at(self._house.clock.now()),
            "languages": LANGUAGES,
        }

    def _button(self, asked: Asked, name: str, /, **on: object) -> dict[str, str] | None:
        """Tell what the button of an action says and where it leads; None: they may not."""
        action = self._actions[name]
        if not asked.who.role.may(action.role):
            return None
        return {
            "says": self._deed(asked, name),
            "href": f"/staff/do/{name}?{urlencode(on, doseq=True)}",
        }

    def _deed(self, asked: Asked, name: str) -> str:
        """Say what an action is called; of one that is no more, the name that it had."""
        action = self._actions.get(name)
        return Words(action.words, asked.language)(action.key("do")) if action else name

    def _rendered(
        self, template: str, t: Words, values: Mapping[str, object], *, status: int = 200
    ) -> Response:
        shop = self._house.settings.shop
        return rendered(
            template, t, zone=shop.timezone, currency=shop.currency, values=values, status=status
        )

    def _language(self, request: Request) -> str:
        chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
        if chosen in LANGUAGES:
            return chosen
        accepted = request.headers.get("accept-language", "")
        return language_of(accepted, default=self._house.settings.shop.default_locale)

    async def _set_language(self, to: str, back: str = "/staff") -> Response:
        reply = RedirectResponse(back if is_ours(back) else "/staff", 303, headers=HEADERS)
        if to in LANGUAGES:
            reply.set_cookie(
                _LANGUAGE_COOKIE, to, max_age=31_536_000, path="/staff", samesite="lax",
                secure=self._door.is_secure, httponly=True,
            )  # fmt: skip
        return reply


def _notice(session: Session, asked: Asked) -> Mapping[str, object] | None:
    done = asked.number("done", digits=ID_DIGITS)
    entry = None if done is None else audit.result_of(session, done, by=asked.who.name)
    if entry is None or entry.result is None:
        return None
    return {"says": entry.result, "failed": entry.failed}


async def _file(name: str) -> Response:
    path = STATIC / name
    if not _FILE.fullmatch(name) or not path.is_file():
        return failure(404, "not_found", "the dashboard has no such file")
    kind = mimetypes.guess_type(name)[0]
    # Pages name the version that they want (`static_url`), so it never has to be asked for again.
    kept = {"cache-control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type=kind, headers=kept)
