"""SNS's own side of the local SES: subscriptions, their confirmation, and the signing certificate.

`POST` and `GET /_local/subscriptions` are for tests and demos; under `/_local/sns/` lies what
Amazon keeps at `sns.<region>.amazonaws.com`.
"""

import json
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sekvens.clock import Clock
from sekvens.ses.local.events import TOPIC_ARN
from sekvens.ses.local.store import Store

_CONFIRMED = (
    '<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
    "<ConfirmSubscriptionResult/></ConfirmSubscriptionResponse>"
)


class Sns:
    """The paths."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def routes(self) -> list[Route]:
        """List the paths."""
        return [
            Route("/_local/subscriptions", self.subscribe, methods=["POST"]),
            Route("/_local/subscriptions", self.subscriptions, methods=["GET"]),
            Route("/_local/sns/", self.confirm, methods=["GET"]),
            Route("/_local/sns/{name}", self.certificate, methods=["GET"]),
        ]

    async def subscribe(self, request: Request) -> Response:
        """Ask an endpoint whether it wants to be told: `{"endpoint": "http://127.0.0.1:…"}`."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return JSONResponse({"message": "send it as application/json"}, status_code=400)
        try:
            asked = msgspec.json.decode(await request.body(), type=_Asked)
            subscription = self._store.topic.subscribe(asked.endpoint)
        except (msgspec.MsgspecError, ValueError) as error:
            return JSONResponse({"message": str(error)}, status_code=400)
        events, now = self._store.events, self._clock.now()
        query = {
            "Action": "ConfirmSubscription",
            "TopicArn": TOPIC_ARN,
            "Token": subscription.token,
        }
        question = events.envelope(
            f"You have chosen to subscribe to the topic {TOPIC_ARN}.",
            now=now,
            Type="SubscriptionConfirmation",
            Token=subscription.token,
            SubscribeURL=f"{events.base_url}/_local/sns/?{urlencode(query)}",
        )
        self._store.topic.ask(asked.endpoint, json.dumps(question), now=now)
        return await self.subscriptions(request)

    async def subscriptions(self, _request: Request) -> Response:
        """List them."""
        found = self._store.topic.subscriptions()
        return JSONResponse(
            [{"endpoint": each.endpoint, "confirmed": each.confirmed} for each in found]
        )

    async def confirm(self, request: Request) -> Response:
        """Hear that an endpoint wants to be told."""
        asked = request.query_params
        is_ours = (
            asked.get("Action") == "ConfirmSubscription" and asked.get("TopicArn") == TOPIC_ARN
        )
        if not is_ours or not self._store.topic.confirm(asked.get("Token", "")):
            return Response("<ErrorResponse/>", status_code=400, media_type="text/xml")
        return Response(_CONFIRMED, media_type="text/xml")

    async def certificate(self, request: Request) -> Response:
        """Give the signing certificate."""
        signer = self._store.events.signer
        if signer is None or request.path_params["name"] != signer.certificate_name:
            return Response("there is no such certificate", status_code=404)
        return Response(signer.certificate, media_type="application/x-pem-file")


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    endpoint: str
