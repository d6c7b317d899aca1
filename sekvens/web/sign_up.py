"""The sign-up form: a page of ours, a form on the shop's own pages, or a script of theirs.

Every sign-up is answered in the same way, whoever has the address: nobody finds out by the form who
is a contact. What fills in the field that people do not see is thanked and forgotten.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sekvens.clock import Clock
from sekvens.contacts.sign_up import SignedUp, SignUpRequest, sign_up
from sekvens.contacts.traits import normal_locale
from sekvens.db.session import Database
from sekvens.messages.addresses import usable
from sekvens.messages.links import mark_of
from sekvens.settings import Settings
from sekvens.web import sign_up_openapi as described
from sekvens.web.forms import form_of, posted_fields
from sekvens.web.link_pages import LinkPages
from sekvens.web.replies import failure, unavailable
from sekvens.web.sign_up_limit import SignUpLimit
from sekvens.web.sign_up_words import WORDS
from sekvens.web.wordings import agreed_to

#: The field that only machines fill in.
TRAP: Final = "website"
_FORM: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_NAME_CHARACTERS_MAX: Final = 60
_ID_CHARACTERS_MAX: Final = 255
_TICKED: Final = frozenset({"yes", "on", "true", "1"})
_STATUS_OF: Final = {"too_many": 429}


class _Problem(Exception):
    """Leaves the reading of a form; `code` names what is wrong with it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SignUp:
    """Serves the sign-up form, and takes what it posts."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._shop_time = settings.shop_time()
        self._limit = SignUpLimit(settings.consent.sign_ups_per_hour)

    def router(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter(tags=["Sign-up"])
        router.get("/subscribe", **described.PAGE)(self._ask)
        router.post("/subscribe", **described.FORM)(self._take_form)
        router.get("/subscribe.json", **described.WORDING)(self._wording)
        router.post("/subscribe.json", **described.API)(self._take_json)
        router.options("/subscribe.json", include_in_schema=False)(self._preflight)
        return router

    async def _ask(self, request: Request) -> Response:
        return self._page(self._locale(request, request.query_params), {**request.query_params})

    async def _take_form(self, request: Request) -> Response:
        fields = await posted_fields(request)
        locale = self._locale(request, fields)
        try:
            stands = await self._take(request, fields, locale)
        except _Problem as problem:
            return self._page(locale, fields, problem=problem.code)
        except SQLAlchemyError:
            return unavailable("the database does not answer; try again in a moment")
        thanks_url = self._settings.consent.thanks_url
        if thanks_url and "hosted" not in fields:
            return RedirectResponse(thanks_url, 303)
        return self._page(locale, fields, stage=stands)

    async def _take_json(self, request: Request) -> Response:
        headers = self._cors(request)
        try:
            posted = msgspec.json.decode(await form_of(request) or b"null")
        except (msgspec.DecodeError, UnicodeDecodeError):
            posted = None
        if not isinstance(posted, dict):
            return failure(400, "bad_request", "post a JSON object with email and consent", headers)
        fields = {str(name): _as_field(value) for name, value in posted.items()}
        try:
            stands = await self._take(request, fields, self._locale(request, fields))
        except _Problem as problem:
            text = described.PROBLEMS[problem.code]
            return failure(_STATUS_OF.get(problem.code, 400), problem.code, text, headers)
        except SQLAlchemyError:
            return unavailable("the database does not answer; try again in a moment")
        reply = {"success": True, "next": "confirm" if stands == "asked" else "done"}
        return Response(msgspec.json.encode(reply), headers=headers, media_type="application/json")

    async def _wording(self, request: Request) -> Response:
        language = self._pages.language_in(self._locale(request, request.query_params))
        wording = agreed_to(self._settings.consent, language)
        return Response(
            msgspec.json.encode(wording),
            headers=self._cors(request),
            media_type="application/json",
        )

    async def _preflight(self, request: Request) -> Response:
        return Response(status_code=204, headers=self._cors(request))

    async def _take(self, request: Request, fields: Mapping[str, str], locale: str | None) -> str:
        """Take a sign-up; tell the stage that is shown, the same whoever has the address."""
        stage = "asked" if self._settings.consent.double_opt_in else "thanks"
        if fields.get(TRAP):
            return stage
        mark = self._mark(request)
        given = self._read(fields, locale, page=request.headers.get("referer"), mark=mark)
        if not self._limit.takes(mark, now=self._clock.now()):
            raise _Problem("too_many")
        await asyncio.to_thread(self._store, given)
        return stage

    def _store(self, given: SignUpRequest) -> SignedUp:
        try:
            return self._record(given)
        except IntegrityError:
            # The same address at the same instant: the other one is stored now, and is found.
            return self._record(given)

    def _record(self, given: SignUpRequest) -> SignedUp:
        with self._database.write() as session:
            return sign_up(
                session,
                given,
                consent=self._settings.consent,
                shop_time=self._shop_time,
                now=self._clock.now(),
            )

    def _read(
        self, fields: Mapping[str, str], locale: str | None, *, page: str | None, mark: str
    ) -> SignUpRequest:
        email = usable(fields.get("email", ""))
        if email is None:
            raise _Problem("email")
        if fields.get("consent", "").lower() not in _TICKED:
            raise _Problem("consent")
        agreed = agreed_to(
            self._settings.consent,
            self._pages.language_in(locale),
            version=fields.get("wording_version"),
        )
        if agreed is None:
            raise _Problem("wording_version")
        form, visitor = fields.get("form", ""), fields.get("anonymous_id", "")
        return SignUpRequest(
            email=email,
            agreed=agreed,
            form=form if _FORM.fullmatch(form) else "",
            first_name=fields.get("first_name", "")[:_NAME_CHARACTERS_MAX] or None,
            locale=locale,
            page_url=(fields.get("page_url") or page or "")[:2000] or None,
            ip_mark=mark,
            anonymous_id=visitor if 0 < len(visitor) <= _ID_CHARACTERS_MAX else None,
        )

    def _locale(self, request: Request, fields: Mapping[str, str]) -> str | None:
        asked = request.headers.get("accept-language", "").split(",")[0].split(";")[0]
        return normal_locale(fields.get("locale")) or normal_locale(asked)

    def _mark(self, request: Request) -> str:
        address = request.client.host if request.client else ""
        return mark_of(self._settings.api, purpose="ip", text=address)

    def _cors(self, request: Request) -> dict[str, str]:
        origin = request.headers.get("origin", "")
        if origin not in self._settings.consent.origins:
            return {"vary": "Origin"}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "content-type",
            "access-control-max-age": "600",
            "vary": "Origin",
        }

    def _page(
        self,
        locale: str | None,
        fields: Mapping[str, str],
        *,
        stage: str = "form",
        problem: str | None = None,
    ) -> Response:
        language = self._pages.language_in(locale)
        guide = self._settings.shop.guide
        agreed = agreed_to(self._settings.consent, language)
        form = fields.get("form", "")
        values: dict[str, Any] = {
            "stage": stage,
            "problem": problem,
            "words": WORDS[language],
            "wording": agreed,
            "form": form if _FORM.fullmatch(form) else "",
            "asked_locale": locale or language,
            "email": fields.get("email", "") if problem else "",
            "first_name": fields.get("first_name", "") if problem else "",
            "ticked": problem is not None and fields.get("consent", "").lower() in _TICKED,
            "guide_title": guide.title.get(language) or next(iter(guide.title.values())),
            "guide_url": guide.url.get(language) or next(iter(guide.url.values())),
        }
        status = _STATUS_OF.get(problem, 400) if problem else 200
        return self._pages.show_in("sign_up.html", locale, status=status, **values)


def _as_field(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return value.strip() if isinstance(value, str) else ""
