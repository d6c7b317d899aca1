"""The queue that SES's events arrive in, by boto3: Amazon SQS, or the local SES's own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from sekvens.sections import is_local
from sekvens.settings import Settings

#: As many as SQS gives at once, and takes back at once.
BATCH_MAX = 10
_CONNECT_TIMEOUT_SECONDS = 3.0
_ANSWER_SECONDS = 10.0

_VISIBLE = "ApproximateNumberOfMessages"
_HIDDEN = "ApproximateNumberOfMessagesNotVisible"
_HOST = re.compile(r"sqs\.([a-z0-9-]+)\.(amazonaws\.com|api\.aws)(\.cn)?")


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message as the queue gave it."""

    #: deletes it
    receipt: str
    body: str


class Queue(Protocol):
    """What feedback is read from: `SqsQueue`, or `sekvens.feedback.testing.FakeQueue`."""

    url: str

    def receive(self, *, wait: timedelta) -> list[Received]:
        """Receive up to `BATCH_MAX` messages; wait for the first as long as `wait`."""
        ...

    def delete(self, received: Sequence[Received]) -> None:
        """Delete messages: they have been taken in."""
        ...


class SqsQueue:
    """One SQS queue. Threads share it."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.feedback.queue_url
        self._visibility_seconds = settings.feedback.visibility_seconds
        # A long poll is silent for as long as it waits. Reading twice harms nobody.
        silence = settings.feedback.wait_seconds + _ANSWER_SECONDS
        self._sqs = _client(settings, self.url, read_timeout=silence)

    def receive(self, *, wait: timedelta) -> list[Received]:
        """Receive up to `BATCH_MAX` messages."""
        answer = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=BATCH_MAX,
            WaitTimeSeconds=int(wait.total_seconds()),
            VisibilityTimeout=self._visibility_seconds,
        )
        return [
            Received(receipt=message["ReceiptHandle"], body=message["Body"])
            for message in answer.get("Messages", [])
        ]

    def delete(self, received: Sequence[Received]) -> None:
        """Delete messages; one that SQS fails to delete comes again, which changes nothing."""
        if received:
            self._sqs.delete_message_batch(
                QueueUrl=self.url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": each.receipt}
                    for number, each in enumerate(received)
                ],
            )

    def close(self) -> None:
        """Close the connections."""
        self._sqs.close()


def depth(settings: Settings, url: str) -> int:
    """Tell how many messages lie in a queue, about.

    Raises:
        BotoCoreError, ClientError: it cannot be asked.
    """
    sqs = _client(settings, url, read_timeout=_CONNECT_TIMEOUT_SECONDS)
    try:
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_VISIBLE, _HIDDEN])
        return sum(int(asked["Attributes"].get(name, 0)) for name in (_VISIBLE, _HIDDEN))
    finally:
        sqs.close()


def _client(settings: Settings, url: str, *, read_timeout: float) -> Any:
    parts = urlsplit(url)
    region = _HOST.fullmatch(parts.hostname or "")
    options: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
        "read_timeout": read_timeout,
        "retries": {"mode": "standard", "total_max_attempts": 2},
    }
    keys: dict[str, str] = {}
    if is_local(url):  # as for a local SES: no keys, never real ones, no proxy
        options["proxies"] = {}
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.session.Session().client(
        "sqs",
        region_name=region[1] if region else settings.ses.region,
        endpoint_url=f"{parts.scheme}://{parts.netloc}",
        config=Config(**options),
        **keys,
    )
