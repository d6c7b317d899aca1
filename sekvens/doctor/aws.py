"""Amazon, asked by boto3; or the local SES, which speaks the same. Reads only."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from sekvens.doctor.findings import CouldNotBeAsked
from sekvens.sections import is_local
from sekvens.settings import Settings

_CONNECT_SECONDS: Final = 3.0
_READ_SECONDS: Final = 8.0
_SQS_HOST: Final = re.compile(r"sqs\.([a-z0-9-]+)\.(amazonaws\.com|api\.aws)(\.cn)?")


class BotoAws:
    """SES and SQS as the settings name them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def account(self) -> dict[str, Any]:
        """Ask for the account."""
        return self._ask("ses:GetAccount", lambda: self._ses().get_account())

    def identity(self, name: str) -> dict[str, Any] | None:
        """Ask for an identity."""
        return self._found(
            "ses:GetEmailIdentity", lambda: self._ses().get_email_identity(EmailIdentity=name)
        )

    def destinations(self) -> list[dict[str, Any]] | None:
        """Ask where events go."""
        name = self._settings.ses.configuration_set
        answer = self._found(
            "ses:GetConfigurationSetEventDestinations",
            lambda: self._ses().get_configuration_set_event_destinations(ConfigurationSetName=name),
        )
        return None if answer is None else list(answer.get("EventDestinations", []))

    def queue(self) -> dict[str, str]:
        """Ask for the queue's attributes."""
        url = self._settings.feedback.queue_url
        answer = self._ask(
            "sqs:GetQueueAttributes",
            lambda: self._sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
        )
        return dict(answer.get("Attributes", {}))

    def _found(self, action: str, call: Callable[[], Any]) -> dict[str, Any] | None:
        try:
            return self._ask(action, call)
        except CouldNotBeAsked as error:
            if _code(error.__cause__) == "NotFoundException":
                return None
            raise

    def _ask(self, action: str, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            return dict(call())
        except Exception as error:
            raise CouldNotBeAsked(_reason(error, action)) from error

    def _ses(self) -> Any:
        ses = self._settings.ses
        return _client("sesv2", region=ses.region, endpoint=ses.endpoint_url)

    def _sqs(self) -> Any:
        parts = urlsplit(self._settings.feedback.queue_url)
        region = _SQS_HOST.fullmatch(parts.hostname or "")
        return _client(
            "sqs",
            region=region[1] if region else self._settings.ses.region,
            endpoint=f"{parts.scheme}://{parts.netloc}",
        )


def _client(service: str, *, region: str, endpoint: str) -> Any:
    options: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": 2},
        "connect_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
    }
    keys: dict[str, str] = {}
    if is_local(endpoint):  # no keys, never real ones, no proxy
        options["proxies"] = {}
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.session.Session().client(
        service,
        region_name=region,
        endpoint_url=endpoint or None,
        config=Config(**options),
        **keys,
    )


def _code(error: BaseException | None) -> str:
    if not isinstance(error, boto.ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def _reason(error: Exception, action: str) -> str:
    """Say why an answer failed to come, in words of ours: Amazon's may quote what is ours alone."""
    code = _code(error)
    if "AccessDenied" in code or code in {"AuthorizationError", "UnauthorizedOperation"}:
        return f"these credentials may not do {action}: allow it, for a look like this one"
    if code:
        return f"{action} was answered with {code}"
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return "there are no AWS credentials here: run it where a worker runs"
    return f"{action} got no answer ({type(error).__name__})"
