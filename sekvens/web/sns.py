"""The second door for SES's reports: Amazon SNS posts them here, signed, over HTTPS.

The reply is 200 once what came is committed, 503 where SNS shall post again, and 4xx for what is
not to be believed, which is kept nowhere. Whoever looks after the set-up finds in the log which
topic posts to which address of ours.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.feedback.certificates import Certificates, Fetch, NotFetched, SnsHosts, fetch
from sekvens.feedback.reading import read_report
from sekvens.feedback.sns import SnsMessage, SnsRefused, SnsVerifier
from sekvens.feedback.taking import Taker
from sekvens.settings import Settings
from sekvens.web.bodies import body_of
from sekvens.web.openapi import failure_response
from sekvens.web.replies import failure, unavailable

logger = logging.getLogger(__name__)

PATH: Final = "/feedback/sns"
#: SNS's own limit is 256 KiB; JSON in JSON grows.
BODY_BYTES_MAX: Final = 512 * 1024
#: So many kinds of refusals are remembered as said; a stranger must not fill the log.
_SAID_MAX: Final = 100


class SnsDoor:
    """Takes what SNS posts."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        fetch: Fetch = fetch,
    ) -> None:
        self._clock = clock
        self._url = settings.api.public_url.rstrip("/") + PATH
        self._is_open = bool(settings.feedback.topic_arns)
        self._fetch = fetch
        hosts = SnsHosts(settings.ses.endpoint_url)
        self._verifier = SnsVerifier(
            topic_arns=settings.feedback.topic_arns,
            hosts=hosts,
            certificates=Certificates(hosts=hosts, clock=clock, fetch=fetch),
            clock=clock,
        )
        self._taker = Taker(
            database=database,
            clock=clock,
            shop_time=settings.shop_time(),
            feedback=settings.feedback,
        )
        self._said: set[tuple[str, str | None]] = set()

    def router(self) -> APIRouter:
        """Make the route."""
        router = APIRouter(tags=["Service"])
        router.post(
            PATH,
            summary="What Amazon SES reports, by Amazon SNS",
            description="For the SNS topics of `feedback.topic_arns`, with SNS's own signature.",
            operation_id="sns",
            responses={
                200: {"description": "Taken in"},
                400: failure_response("It is no message of SNS"),
                403: failure_response("It is not of an allowed topic, or not Amazon's"),
                413: failure_response("It is larger than anything of SNS's"),
                503: failure_response("It cannot be taken in now: post it again"),
            },
            response_model=None,
        )(self._receive)
        return router

    async def _receive(self, request: Request) -> Response:
        if not self._is_open:
            return failure(403, "closed", "feedback.topic_arns is empty: no topic may post here")
        if request.headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            why = "raw message delivery leaves the signature away: switch it off"
            return self._refuse(400, "raw_delivery", SnsRefused(why))
        body = await _body(request)
        if body is None:
            return failure(413, "too_large", "SNS posts nothing as large as this")
        try:
            message = await asyncio.to_thread(self._verifier.verify, body)
            return await asyncio.to_thread(self._do(message), message, body)
        except SnsRefused as refused:
            is_sns = refused.topic_arn is not None
            status, code = (403, "not_allowed") if is_sns else (400, "not_sns")
            return self._refuse(status, code, refused)
        except NotFetched as error:
            extra = {"action": "dependency_unreachable", "dependency": "SNS"}
            logger.warning("a report by SNS is not taken in yet: %s", error, extra=extra)
            return unavailable(str(error))
        except SQLAlchemyError:
            return unavailable("the database does not answer; post it again")

    def _do(self, message: SnsMessage) -> Callable[[SnsMessage, bytes], Response]:
        match message.type:
            case "Notification":
                return self._take
            case "SubscriptionConfirmation":
                return self._confirm
            case "UnsubscribeConfirmation":
                return self._let_go

    def _take(self, _message: SnsMessage, body: bytes) -> Response:
        now = self._clock.now()
        report = read_report(body.decode("utf-8", "replace"), now=now)
        if self._taker.take([report], now=now):
            return unavailable("it has come before its time; post it again")
        return Response(status_code=200)

    def _confirm(self, message: SnsMessage, _body: bytes) -> Response:
        """Tell SNS that we want this topic; the address was signed, and is SNS's own."""
        self._fetch(message.subscribe_url)
        logger.info(
            "%s posts to %s from now on",
            message.topic_arn,
            self._url,
            extra={"action": "sns_subscribed"},
        )
        return Response(status_code=200)

    def _let_go(self, message: SnsMessage, _body: bytes) -> Response:
        logger.warning(
            "%s posts to %s no more: subscribe it again, or read its queue",
            message.topic_arn,
            self._url,
            extra={"action": "sns_unsubscribed"},
        )
        return Response(status_code=200)

    def _refuse(self, status: int, code: str, refused: SnsRefused) -> Response:
        said = (str(refused), refused.topic_arn)
        if said not in self._said and len(self._said) < _SAID_MAX:
            self._said.add(said)
            logger.warning(
                "%s posts to %s and is not believed: %s",
                refused.topic_arn or "something that is no SNS topic",
                self._url,
                refused,
                extra={"action": "sns_refused", "reason": code},
            )
        return failure(status, code, str(refused))


async def _body(request: Request) -> bytes | None:
    """Read the body; None: it is too large, or broke off."""
    try:
        return await body_of(request, bytes_max=BODY_BYTES_MAX)
    except ClientDisconnect:
        return None
