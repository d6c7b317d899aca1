"""The links of e-mails that lead through us: on to where the message leads, at once.

The token carries ids alone, and the target is what was kept with the message: nobody can make this
address lead anywhere else. A note of the click is made after the reply. HEAD is answered as GET is.
"""

import logging
from datetime import datetime
from functools import partial

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.engagement.clicks import Clicks
from sekvens.engagement.machine import AHEAD, Asked
from sekvens.messages.links import ClickLink, read_click_link
from sekvens.messages.markdown import is_web_url
from sekvens.messages.targets import as_header
from sekvens.settings import Settings
from sekvens.web.link_pages import LinkPages, link_responses

logger = logging.getLogger(__name__)


class ClickPages:
    """Serves the links that lead through us."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._pages = LinkPages(settings.shop)
        self._clicks = Clicks(
            database=database,
            api=settings.api,
            tracking=settings.tracking,
            shop_time=settings.shop_time(),
        )

    def router(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter(tags=["Links"])
        responses = link_responses("")
        responses.pop(200)
        router.get(
            "/c/{token}",
            summary="Where a link of an e-mail leads",
            description="The target is kept with the message; the address cannot name another.",
            operation_id="follow_link",
            responses={302: {"description": "On to where the e-mail leads"}, **responses},
            status_code=302,
            response_model=None,
        )(self._follow)
        router.head("/c/{token}", include_in_schema=False, response_model=None)(self._follow)
        return router

    async def _follow(self, request: Request, token: str) -> Response:
        link = read_click_link(self._settings.api, token)
        return await self._pages.answer(request, link, partial(self._lead, request))

    def _lead(self, request: Request, link: ClickLink) -> Response:
        target = self._clicks.target(link)
        if target is None or not is_web_url(target):
            return self._pages.unknown(request)
        note = BackgroundTask(self._note, link, _asked(request), self._clock.now())
        return Response(status_code=302, headers={"location": as_header(target)}, background=note)

    def _note(self, link: ClickLink, asked: Asked, at: datetime) -> None:
        """Note a click; that it cannot be noted is no matter of the reader's, who is gone."""
        try:
            self._clicks.note(link, asked, at=at)
        except SQLAlchemyError as error:
            logger.warning(
                "a click in message %s could not be noted (%s)",
                link.message_id,
                type(error).__name__,
                extra={"action": "click_lost", "message_id": link.message_id},
            )


def _asked(request: Request) -> Asked:
    return Asked(
        method=request.method,
        agent=request.headers.get("user-agent", ""),
        headers={name: request.headers[name] for name in AHEAD if name in request.headers},
        ip=request.client.host if request.client else None,
    )
