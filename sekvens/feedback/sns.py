"""What SNS posts over HTTPS: believed if it is of an allowed topic, signed by Amazon, and young.

The order matters. Anybody may have a topic of their own signed by Amazon and pointed at us, so the
topic's name is looked at first; and nothing is fetched for a message that fails what can be
told without. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from sekvens.clock import Clock
from sekvens.errors import SekvensError
from sekvens.feedback.certificates import Certificates, NotTrusted, SnsHosts
from sekvens.sections import TOPIC_ARN

#: SNS itself tries for an hour at the most.
AGE_MAX: Final = timedelta(hours=1)
#: Clocks differ.
AHEAD_MAX: Final = timedelta(minutes=5)

SnsType: TypeAlias = Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = (
    "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
)  # fmt: skip
#: What is signed, in this order; a subject only where there is one.
SIGNED: Final[Mapping[SnsType, tuple[str, ...]]] = MappingProxyType(
    {
        "Notification": _NOTIFICATION,
        "SubscriptionConfirmation": _CONFIRMATION,
        "UnsubscribeConfirmation": _CONFIRMATION,
    }
)
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = MappingProxyType(
    # Amazon's version 1 is SHA-1; a forger would need a second preimage, not a collision.
    {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
)
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,100}")


class SnsRefused(SekvensError):
    """A post that SNS did not make, or not for us."""

    def __init__(self, why: str, *, topic_arn: str | None = None) -> None:
        super().__init__(why)
        #: as it was named, if it is a topic's name at all
        self.topic_arn = topic_arn


@dataclass(frozen=True, kw_only=True)
class SnsMessage:
    """A post of SNS's that is believed."""

    type: SnsType
    topic_arn: str
    #: of a confirmation: where SNS hears that we want it
    subscribe_url: str = ""


class SnsVerifier:
    """Tells what to believe. Threads share it."""

    def __init__(
        self,
        *,
        topic_arns: tuple[str, ...],
        hosts: SnsHosts,
        certificates: Certificates,
        clock: Clock,
    ) -> None:
        self._topic_arns = frozenset(topic_arns)
        self._hosts = hosts
        self._certificates = certificates
        self._clock = clock

    def verify(self, body: bytes) -> SnsMessage:
        """Believe a post, or say why not.

        Raises:
            SnsRefused: it is not to be believed.
            NotFetched: the certificate cannot be had now.
        """
        given = _read(body)
        kind = _type_of(given)
        topic_arn = given.get("TopicArn", "")
        if kind is None:
            raise SnsRefused("it is no message of SNS; is raw message delivery switched on?")
        named = topic_arn if TOPIC_ARN.fullmatch(topic_arn) else None
        if topic_arn not in self._topic_arns:
            raise SnsRefused("its topic is not in feedback.topic_arns", topic_arn=named)
        try:
            self._check(given)
        except NotTrusted as error:
            raise SnsRefused(str(error), topic_arn=named) from error
        url = given.get("SubscribeURL", "")
        if kind == "SubscriptionConfirmation" and not self._may_confirm(given, url):
            raise SnsRefused("it is not Amazon SNS that asks for a confirmation", topic_arn=named)
        return SnsMessage(type=kind, topic_arn=topic_arn, subscribe_url=url)

    def _check(self, given: Mapping[str, str]) -> None:
        algorithm = _HASHES.get(given.get("SignatureVersion", ""))
        if algorithm is None:
            raise NotTrusted("its signature is of a version that is not known")
        self._check_age(given.get("Timestamp", ""))
        if not _ID.fullmatch(given.get("MessageId", "")):
            raise NotTrusted("it has no id")
        try:
            signature = base64.b64decode(given.get("Signature", ""), validate=True)
        except (binascii.Error, ValueError):
            raise NotTrusted("its signature is no base64") from None
        key = self._certificates.key_of(given.get("SigningCertURL", ""))
        try:
            key.verify(signature, signed_text(given), PKCS1v15(), algorithm)
        except InvalidSignature:
            raise NotTrusted("its signature does not fit") from None

    def _check_age(self, timestamp: str) -> None:
        try:
            at = datetime.fromisoformat(timestamp)
        except ValueError:
            raise NotTrusted("it has no time") from None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if not -AHEAD_MAX <= self._clock.now() - at <= AGE_MAX:
            raise NotTrusted("it is older than an hour, or from the future")

    def _may_confirm(self, given: Mapping[str, str], url: str) -> bool:
        if not self._hosts.confirms(url):
            return False
        asked = parse_qs(urlsplit(url).query)
        return (
            asked.get("Action") == ["ConfirmSubscription"]
            and asked.get("TopicArn") == [given["TopicArn"]]
            and asked.get("Token") == [given.get("Token", "")]
        )


def signed_text(given: Mapping[str, str]) -> bytes:
    """Write what SNS signs of a message."""
    kind = _type_of(given)
    names = [name for name in SIGNED[kind] if name in given] if kind else []
    return "".join(f"{name}\n{given[name]}\n" for name in names).encode("utf-8", "replace")


def _type_of(given: Mapping[str, str]) -> SnsType | None:
    return next((kind for kind in SIGNED if kind == given.get("Type")), None)


def _read(body: bytes) -> dict[str, str]:
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        value = None
    if not isinstance(value, dict):
        raise SnsRefused("it is no JSON object")
    # Of everything that counts SNS's are texts; what is not is as good as missing.
    return {name: text for name, text in value.items() if isinstance(text, str)}
