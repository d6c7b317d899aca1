"""SES's REST API, version 2, as boto3 speaks it: SendEmail, GetAccount and the suppression list.

A message is in the log before the answer is written. Errors have SES's codes, status and shape, so
that botocore raises the exceptions it models.
"""

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sekvens.clock import Clock
from sekvens.ses.local.account import SendingLimits
from sekvens.ses.local.checks import RAW_MAX, Refused, Submission, read_submission
from sekvens.ses.local.events import EventPublisher
from sekvens.ses.local.faults import ConnectionReset, FaultMode, Faults, NeverAnswered
from sekvens.ses.local.signature import SignatureCheck
from sekvens.ses.local.store import Store, Suppressed

SIMULATOR_HOST = "simulator.amazonses.com"
#: A request is little more than its message.
_BODY_MAX = RAW_MAX + 1024 * 1024

_SIMULATED = {
    "success": "simulated success",
    "bounce": "simulated bounce",
    "complaint": "simulated complaint",
    "ooto": "simulated auto-reply",
    "suppressionlist": "simulated suppression",
}


class Wire:
    """The API's operations on one store."""

    def __init__(
        self,
        *,
        store: Store,
        limits: SendingLimits,
        faults: Faults,
        clock: Clock,
        identities: frozenset[str],
        events: EventPublisher,
        check: SignatureCheck,
    ) -> None:
        self._store = store
        self._events = events
        self._check_signature = check
        self._limits = limits
        self._faults = faults
        self._clock = clock
        self._identities = identities

    def routes(self) -> list[Route]:
        """List the paths of the API."""
        suppression = "/v2/email/suppression/addresses"
        one = suppression + "/{address:path}"
        return [
            Route("/v2/email/outbound-emails", self.send_email, methods=["POST"]),
            Route("/v2/email/account", self.get_account, methods=["GET"]),
            Route(suppression, self.put_suppressed, methods=["PUT"]),
            Route(suppression, self.list_suppressed, methods=["GET"]),
            Route(one, self.get_suppressed, methods=["GET"]),
            Route(one, self.delete_suppressed, methods=["DELETE"]),
            Route("/v2/email/{operation:path}", unknown_operation, methods=_METHODS),
        ]

    async def send_email(self, request: Request) -> Response:
        """Take a message, or refuse it."""
        asked = await _json(request)
        # A signature covers the body: its age counts when the last byte is here, however long a
        # sender that was frozen in the middle has taken.
        self._check_signature(request)
        submission = read_submission(asked, identities=self._identities)
        armed = self._faults.take(submission.recipients)
        fault = armed.mode if armed else None
        if armed and fault is FaultMode.DELAY:
            await asyncio.sleep(armed.milliseconds / 1000)
        if fault in _BEFORE:
            return _fail_before(fault)
        answer = msgspec.json.encode({"MessageId": self._accept(submission)})
        if fault is FaultMode.ERROR_AFTER_ACCEPT:
            raise Refused("InternalFailure", "An internal error occurred.", status=500)
        if fault is FaultMode.HANG_AFTER_ACCEPT:
            return NeverAnswered()
        if fault is FaultMode.RESET_AFTER_ACCEPT:
            return ConnectionReset()
        if fault is FaultMode.TRUNCATE:
            answer = answer[: len(answer) // 2]
        return _ok(answer)

    async def get_account(self, request: Request) -> Response:
        """Tell the limits."""
        self._check_signature(request)
        account = {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendQuota": {
                "Max24HourSend": float(self._limits.day_max),
                "MaxSendRate": float(self._limits.rate),
                "SentLast24Hours": float(self._limits.sent_last_day(self._clock.now())),
            },
            "SendingEnabled": self._limits.sending_enabled,
            "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
        }
        return _ok(msgspec.json.encode(account))

    async def put_suppressed(self, request: Request) -> Response:
        """Put an address on the suppression list."""
        self._check_signature(request)
        asked = await _json(request)
        address, reason = str(asked.get("EmailAddress", "")), asked.get("Reason")
        if "@" not in address or reason not in ("BOUNCE", "COMPLAINT"):
            raise Refused("BadRequestException", "An address and a Reason are needed.")
        self._store.suppress(address, reason=str(reason), now=self._clock.now())
        return _ok(b"{}")

    async def get_suppressed(self, request: Request) -> Response:
        """Tell why an address is on the list."""
        found = self._store.suppressed(request.path_params["address"])
        if found is None:
            raise _not_suppressed()
        return _ok(msgspec.json.encode({"SuppressedDestination": _summary(found)}))

    async def delete_suppressed(self, request: Request) -> Response:
        """Take an address off the list."""
        if not self._store.release(request.path_params["address"]):
            raise _not_suppressed()
        return _ok(b"{}")

    async def list_suppressed(self, _request: Request) -> Response:
        """List the list, in one page."""
        summaries = [_summary(each) for each in self._store.all_suppressed()]
        return _ok(msgspec.json.encode({"SuppressedDestinationSummaries": summaries}))

    def _accept(self, submission: Submission) -> str:
        if not self._limits.sending_enabled:
            raise Refused("SendingPausedException", "Email sending is disabled for your account.")
        marked = self._mark(submission.recipients)
        now, recipients = self._clock.now(), len(submission.recipients)
        counts = not marked.startswith("simulated")  # the simulator is free of the day's quota
        if counts and not self._limits.has_day_left(recipients, now=now):
            raise Refused("LimitExceededException", "Daily message quota exceeded.")
        if not self._limits.take_from_rate(recipients):
            raise Refused("TooManyRequestsException", "Maximum sending rate exceeded.", status=429)
        with self._store.transaction():
            ses_message_id = self._store.append(
                now=now,
                sender=submission.sender,
                recipients=submission.recipients,
                tags=submission.tags,
                configuration_set=submission.configuration_set,
                marked=marked,
                raw=submission.raw,
            )
            self._events.accepted(ses_message_id, submission, now=now, marked=marked)
        if counts:
            self._limits.count(recipients, now=now)
        return ses_message_id

    def _mark(self, recipients: tuple[str, ...]) -> str:
        """Tell what Amazon would do with an accepted message: it takes those it never delivers."""
        for recipient in recipients:
            local, _, host = recipient.lower().rpartition("@")
            if host == SIMULATOR_HOST:
                return _SIMULATED.get(local.partition("+")[0], "simulated success")
            if self._store.suppressed(recipient):
                return "suppressed"
        return ""


async def unknown_operation(request: Request) -> Response:
    """Refuse an operation of SES that the local one does not have."""
    message = f"The local SES does not have {request.method} {request.url.path}."
    raise Refused("UnknownOperationException", message, status=404)


_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
_BEFORE = frozenset(
    {
        FaultMode.THROTTLE, FaultMode.REJECT, FaultMode.PAUSE, FaultMode.SUSPEND,
        FaultMode.CREDENTIALS, FaultMode.UNAVAILABLE, FaultMode.HANG, FaultMode.RESET_BEFORE_ACCEPT,
    }
)  # fmt: skip
_REFUSALS = {
    FaultMode.THROTTLE: ("TooManyRequestsException", "Maximum sending rate exceeded.", 429),
    FaultMode.REJECT: ("MessageRejected", "Email content is refused.", 400),
    FaultMode.PAUSE: ("SendingPausedException", "Sending is paused for this account.", 400),
    FaultMode.SUSPEND: ("AccountSuspendedException", "The account is suspended.", 400),
    FaultMode.CREDENTIALS: ("InvalidClientTokenId", "The security token is invalid.", 403),
    FaultMode.UNAVAILABLE: ("ServiceUnavailable", "The service is unavailable.", 503),
}


def _fail_before(fault: FaultMode | None) -> Response:
    if fault is FaultMode.HANG:
        return NeverAnswered()
    if fault in _REFUSALS:
        code, message, status = _REFUSALS[fault]
        raise Refused(code, message, status=status)
    return ConnectionReset()


async def _json(request: Request) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX:
            raise Refused("RequestEntityTooLarge", "The request is too large.", status=413)
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Refused("SerializationException", "The request is not JSON.") from None


def _ok(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def answer_refused(_request: Request, refusal: Exception) -> Response:
    """Write a refusal as SES does; the application calls it for every `Refused`."""
    if not isinstance(refusal, Refused):
        raise refusal
    return Response(
        msgspec.json.encode({"message": refusal.message}),
        status_code=refusal.status,
        media_type="application/json",
        headers={"x-amzn-errortype": refusal.code},
    )


def _not_suppressed() -> Refused:
    return Refused("NotFoundException", "The address is not on the suppression list.", status=404)


def _summary(suppressed: Suppressed) -> dict[str, Any]:
    return {
        "EmailAddress": suppressed.address,
        "Reason": suppressed.reason,
        # botocore reads this member as seconds since 1970
        "LastUpdateTime": suppressed.updated_at.timestamp(),
    }
