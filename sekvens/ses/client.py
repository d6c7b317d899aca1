"""Amazon SES v2 by boto3: one call is one request, and every end of it has one name.

The invariant: `send` returns only when SES has said that it took the message. When it raises
`NotSent` (or a kind of it), SES certainly did not; in every other case it raises `OutcomeUnknown`,
which must never be answered by sending again.
"""

import re
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from sekvens.errors import (
    DispatchTooLate,
    NotSent,
    OutcomeUnknown,
    SekvensError,
    SesPaused,
    SesRejected,
    SesThrottled,
    in_a_word,
)
from sekvens.fault_points import FaultPoint, Halves, is_armed
from sekvens.prometheus.counted import SES_CALL
from sekvens.sections import SesSettings, is_local

CONNECT_TIMEOUT_SECONDS = 3.0
#: SES answers within a second; a contact's lock is held for as long as this.
READ_TIMEOUT_SECONDS = 5.0

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
#: Two tags that begin SES's own Feedback-ID header; the only names with a colon.
_FEEDBACK_TAGS = frozenset({"ses:feedback-id-a", "ses:feedback-id-b"})
#: One bare address in ASCII: no list, no display name, no quoting, no control character.
_ADDRESS = re.compile(r"[!#-'*+\-./0-9=?A-Z^-~]{1,64}@[A-Za-z0-9.-]{1,253}")
_ANY_ADDRESS = re.compile(r"[^\s<>,;:\"'()]*@[^\s<>,;:\"'()]*")

_THROTTLED = frozenset(
    {"TooManyRequestsException", "LimitExceededException", "ThrottlingException", "Throttling"}
)
#: A person must mend the account, the identity, the configuration set or the credentials first.
_PAUSED = frozenset(
    {
        "AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException",
        "NotFoundException", "AccessDeniedException", "AccessDenied", "UnrecognizedClientException",
        "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException",
        "ExpiredTokenException", "ExpiredToken", "MissingAuthenticationTokenException",
        "OptInRequired", "NotAuthorized", "RequestTimeTooSkewed",
    }
)  # fmt: skip
#: TLS failures that only a handshake has: nothing of the request had been written.
_HANDSHAKE = frozenset(
    {
        "CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL", "HTTP_REQUEST", "TLSV1_ALERT_PROTOCOL_VERSION",
        "SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_PROTOCOLS_AVAILABLE",
    }
)  # fmt: skip

#: The deadline of the call that this thread is making; the client is shared, its hook is too.
_deadline: ContextVar[float] = ContextVar("ses_deadline")


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What SES lets this account do."""

    #: messages (recipients) a second
    send_rate_max: float
    #: messages in 24 hours; -1: no limit
    day_max: float
    sent_last_day: float
    sending_enabled: bool
    #: false: the sandbox, which mails verified addresses only
    production_access: bool


class SesClient:
    """The way to SES. One per process; threads share it."""

    def __init__(self, settings: SesSettings) -> None:
        self._configuration_set = settings.configuration_set
        self._ses = _boto_client(settings)
        for look in (_refuse_when_late, _halve):
            self._ses.meta.events.register("before-send.sesv2.SendEmail", look)

    def send(
        self, *, raw: bytes, sender: str, recipient: str, tags: Mapping[str, str], deadline: float,
        tracks_opens: bool = False,
    ) -> str:  # fmt: skip
        """Hand one message to SES, in exactly one request, and return SES's MessageId.

        Args:
            raw: the whole message, as `mime.assemble` writes it.
            sender: the verified address in its From header. SES reads it there: given beside a raw
                message, it would replace the header and its display name.
            recipient: one bare address; SES counts, bounces and refuses by recipient.
            tags: come back in every event; `[A-Za-z0-9_-]`, at most 256 characters.
            deadline: `time.monotonic()` seconds; looked at once more when the request is signed
                and about to be written, so that a process that was frozen sends nothing.
            tracks_opens: SES puts a pixel into the message and reports when it is fetched.

        Raises:
            SesThrottled, SesPaused, SesRejected, DispatchTooLate, NotSent: SES does not have it.
            OutcomeUnknown: SES may have it, and may not.
        """
        _check(sender=sender, recipient=recipient, tags=tags, raw=raw)
        request: dict[str, Any] = {
            "Destination": {"ToAddresses": [recipient]},
            "Content": {"Raw": {"Data": raw}},
            "EmailTags": [{"Name": name, "Value": value} for name, value in tags.items()],
            # Whatever the configuration set says: a pixel needs the contact's consent, and links
            # lead through us, not through SES.
            "ConfigurationOverrides": {
                "Tracking": {
                    "OpenTrackingEnabled": "ENABLED" if tracks_opens else "DISABLED",
                    "ClickTrackingEnabled": "DISABLED",
                }
            },
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        before = _deadline.set(deadline)
        try:
            return self._send_once(request)
        finally:
            _deadline.reset(before)

    def quota(self) -> Quota:
        """Ask SES what the account may send; once a second at most, says SES.

        Raises:
            NotSent: SES cannot be asked now; `SesThrottled` and `SesPaused` say why.
        """
        failure: SekvensError
        try:
            account = self._ses.get_account()
            quota = account["SendQuota"]
            return Quota(
                send_rate_max=quota["MaxSendRate"],
                day_max=quota["Max24HourSend"],
                sent_last_day=quota["SentLast24Hours"],
                sending_enabled=account.get("SendingEnabled", True),
                production_access=account.get("ProductionAccessEnabled", False),
            )
        except Exception as error:  # noqa: BLE001  a read may be repeated, whatever went wrong
            failure = failure_of(error)
        if isinstance(failure, OutcomeUnknown):
            failure = NotSent(f"SES does not tell its quota: {failure}")
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self._ses.close()

    def _send_once(self, request: dict[str, Any]) -> str:
        failure: SekvensError
        began = time.monotonic()
        try:
            answer = self._ses.send_email(**request)
        except Exception as error:  # noqa: BLE001  unknown is the safe reading of what we do not know
            failure = failure_of(error)
        else:
            # A cut-off answer is no error to botocore: it returns a response without the id.
            if message_id := answer.get("MessageId"):
                SES_CALL.labels("accepted").observe(time.monotonic() - began)
                return str(message_id)
            failure = OutcomeUnknown("SES answered 200 without a MessageId")
        SES_CALL.labels(in_a_word(failure)).observe(time.monotonic() - began)
        # Raised out here, so that botocore's error, whose text may hold an address, is neither its
        # cause nor its context and reaches no log and no Temporal history.
        raise failure


def failure_of(error: Exception) -> SekvensError:
    """Name what an exception of boto3 means for the message: the one place that decides.

    What SES answers with 4xx it did not take. Of the 5xx only a modelled `ServiceUnavailable` says
    that the request was turned away at the door; after any other SES may have the message. Without
    an answer nothing was sent only if no connection stood; a connection that breaks later
    tells nothing, because SES may have closed it after it took the message.
    """
    if isinstance(error, SekvensError):
        return error
    if isinstance(error, boto.ClientError):
        return _refusal(error)
    name = type(error).__name__
    if isinstance(error, boto.ParamValidationError):
        return SesRejected(f"botocore refuses the request: {scrubbed(str(error))}")
    if isinstance(
        error,
        boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError
        | boto.NoAuthTokenError | boto.TokenRetrievalError | boto.UnauthorizedSSOTokenError,
    ):  # fmt: skip
        return SesPaused(f"no usable AWS credentials ({name}); give the worker some")
    if isinstance(
        error, boto.EndpointConnectionError | boto.ConnectTimeoutError | boto.ProxyConnectionError
    ):
        return NotSent(f"SES cannot be reached ({name}); look at ses.endpoint_url")
    if isinstance(error, boto.SSLError) and _is_handshake(error):
        return NotSent("SES cannot be reached: the TLS handshake failed; look at the endpoint")
    return OutcomeUnknown(f"the connection to SES broke before it answered ({name})")


def scrubbed(text: str) -> str:
    """Take the addresses out of what SES says, and whatever is too long to be its own words."""
    return _ANY_ADDRESS.sub("(address)", text)[:300]


def _boto_client(settings: SesSettings) -> Any:
    session = boto3.session.Session()
    config: dict[str, Any] = {
        # botocore's own retries send the same mail up to five times; ours go through the ledger.
        "retries": {"mode": "standard", "total_max_attempts": 1},
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        "tcp_keepalive": True,
        "max_pool_connections": settings.concurrency,
    }
    if not is_local(settings.endpoint_url):
        endpoint = settings.endpoint_url or None
        return session.client(
            "sesv2",
            region_name=settings.region,
            endpoint_url=endpoint,
            config=Config(**config),
        )
    # A local SES needs no keys, shall never see real ones, and is not behind a proxy.
    return session.client(
        "sesv2",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        config=Config(**config, proxies={}),
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  no secret
    )


def _refuse_when_late(**_: Any) -> None:
    """Look at the deadline once more, after signing: a botocore `before-send` hook.

    A worker may be frozen anywhere (a debugger, a paused container). What freezes after this
    line is fenced by the age of the signature, which AWS refuses after minutes.
    """
    if time.monotonic() > _deadline.get():
        raise DispatchTooLate


def _halve(request: Any, **_: Any) -> None:
    """Let the fault point lie in the middle of the request's body, if anything happens there."""
    if is_armed(FaultPoint.REQUEST_HALF_WRITTEN):
        request.body = Halves(request.body)


def _check(*, sender: str, recipient: str, tags: Mapping[str, str], raw: bytes) -> None:
    """Refuse what botocore lets through and SES would refuse, or take to mean something else."""
    if not _ADDRESS.fullmatch(recipient):
        raise SesRejected("the recipient is not exactly one bare ASCII address")
    if not _ADDRESS.fullmatch(sender) or sender.encode() not in raw.partition(b"\r\n\r\n")[0]:
        raise SesRejected("the sender is not the address in the message's own From header")
    for name, value in tags.items():
        if not (_TAG.fullmatch(name) or name in _FEEDBACK_TAGS) or not _TAG.fullmatch(value):
            raise SesRejected(f"the tag {name!a} is not of 1 to 256 characters [A-Za-z0-9_-]")


def _refusal(error: boto.ClientError) -> SekvensError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    note = f"SES said {status} {scrubbed(code)}: {scrubbed(message)}"
    if code in _THROTTLED or status == 429:
        return SesThrottled(note)
    if code == "RequestExpired" or message.startswith("Signature expired"):
        return NotSent(note)  # the fence against a frozen worker held
    # A 404 without a name is some other server: the endpoint is wrong, not the message.
    if code in _PAUSED or status in (401, 403, 404, 407):
        return SesPaused(note)
    if code == "MessageRejected" and "not verified" in message:
        return SesPaused(note)  # the identity or the sandbox, not this message
    if status == 503 and code == "ServiceUnavailable":
        return NotSent(note)
    if 400 <= status < 500 and status != 408:
        return SesRejected(note)
    return OutcomeUnknown(note)


def _is_handshake(error: boto.SSLError) -> bool:
    inner = error.kwargs.get("error")
    while isinstance(inner, Exception):
        if isinstance(inner, ssl.SSLError):
            return inner.reason in _HANDSHAKE
        inner = next((item for item in inner.args if isinstance(item, Exception)), None)
    return False
