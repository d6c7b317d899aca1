"""SQS's JSON protocol, as boto3 speaks it, for the one queue of the local SES's own events.

Long polling, visibility and the errors are SQS's; there is one queue, and nobody can make another.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sekvens.clock import Clock
from sekvens.ses.local.checks import Refused
from sekvens.ses.local.events import ACCOUNT, TOPIC_ARN, EventPublisher
from sekvens.ses.local.faults import HANGS
from sekvens.ses.local.queue import Queue, Queued
from sekvens.ses.local.signature import SignatureCheck

#: The path of the queue's URL.
QUEUE_NAME = "ses-feedback"
QUEUE_PATH = f"/{ACCOUNT}/{QUEUE_NAME}"
VISIBILITY_SECONDS = 30
WAIT_SECONDS_MAX = 20
RECEIVED_MAX = 10
#: How often a long poll looks whether something has come, or come back.
LOOK_SECONDS = 0.02
#: SQS takes messages of up to 1 MiB.
_BODY_MAX = 2 * 1024 * 1024

_TARGET = "AmazonSQS."
#: The local topic sends to the queue, and nobody else: as a queue of events is set up.
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": f"arn:aws:sqs:eu-north-1:{ACCOUNT}:{QUEUE_NAME}",
                "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC_ARN}},
            }
        ],
    }
)


class Sqs:
    """The operations on the queue."""

    def __init__(
        self, *, queue: Queue, events: EventPublisher, check: SignatureCheck, clock: Clock
    ) -> None:
        self._queue = queue
        self._events = events
        self._check = check
        self._clock = clock
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "GetQueueUrl": self._get_url,
            "GetQueueAttributes": self._get_attributes,
            "SendMessage": self._send,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
        }

    def routes(self) -> list[Route]:
        """List the paths: boto3 posts to the endpoint itself, and names the queue in the body."""
        return [
            Route("/", self.answer, methods=["POST"]),
            Route(QUEUE_PATH, self.answer, methods=["POST"]),
        ]

    async def answer(self, request: Request) -> Response:
        """Do what a request asks for."""
        try:
            self._check(request)
            operation = request.headers.get("x-amz-target", "").removeprefix(_TARGET)
            asked = await _asked(request)
            _check_queue(operation, asked)
            if operation == "ReceiveMessage":
                return await self._receive(request, asked)
            base = str(request.base_url).rstrip("/")
            do = self._operations.get(operation, _unsupported)
            done = do({**asked, "QueueUrl": f"{base}{QUEUE_PATH}"})
        except Refused as refusal:
            return _json({"__type": f"com.amazonaws.sqs#{refusal.code}",
                          "message": refusal.message}, refusal.status)  # fmt: skip
        return _json(done)

    async def _receive(self, request: Request, asked: dict[str, Any]) -> Response:
        count = _number(asked, "MaxNumberOfMessages", 1, low=1, high=RECEIVED_MAX)
        wait = _number(asked, "WaitTimeSeconds", 0, low=0, high=WAIT_SECONDS_MAX)
        visibility = _number(asked, "VisibilityTimeout", VISIBILITY_SECONDS, low=0, high=43_200)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        state = request.scope["state"]
        while True:
            taken = self._queue.take(
                count,
                visibility=timedelta(seconds=visibility),
                now=self._clock.now(),
                shuffled=self._events.faults.shuffled,
            )
            if taken or loop.time() >= deadline:
                state.pop(HANGS, None)
                return _json({"Messages": [_as_json(each) for each in taken]} if taken else {})
            state[HANGS] = True  # a server that stops breaks off who waits
            await asyncio.sleep(LOOK_SECONDS)
            if await request.is_disconnected():  # what nobody would get stays in the queue
                return _json({})

    def _get_url(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"QueueUrl": asked["QueueUrl"]}

    def _get_attributes(self, _asked: dict[str, Any]) -> dict[str, Any]:
        counts = self._queue.counts(self._clock.now())
        return {
            "Attributes": {
                "QueueArn": f"arn:aws:sqs:eu-north-1:{ACCOUNT}:{QUEUE_NAME}",
                "Policy": _POLICY,
                "VisibilityTimeout": str(VISIBILITY_SECONDS),
                "ApproximateNumberOfMessages": str(counts.visible),
                "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
                "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
            }
        }

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        body = asked.get("MessageBody")
        if not isinstance(body, str) or not body:
            raise Refused("MissingParameter", "The request must contain MessageBody.")
        delay = _number(asked, "DelaySeconds", 0, low=0, high=900)
        now = self._clock.now()
        message_id = self._queue.put(body, now=now, delay=timedelta(seconds=delay))
        return {"MessageId": message_id, "MD5OfMessageBody": _md5(body)}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        receipt = asked.get("ReceiptHandle")
        if not isinstance(receipt, str) or "#" not in receipt:
            raise Refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        self._queue.delete([receipt])
        return {}

    def _delete_batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        entries = asked.get("Entries")
        if not isinstance(entries, list) or not entries:
            raise Refused("EmptyBatchRequest", "There should be at least one entry.")
        if len(entries) > RECEIVED_MAX:
            raise Refused("TooManyEntriesInBatchRequest", f"At most {RECEIVED_MAX} entries.")
        good = [entry for entry in entries if "#" in str(entry.get("ReceiptHandle"))]
        self._queue.delete([entry["ReceiptHandle"] for entry in good])
        failed = [
            {"Id": entry.get("Id"), "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}
            for entry in entries
            if entry not in good
        ]
        return {"Successful": [{"Id": entry["Id"]} for entry in good], "Failed": failed}


def _unsupported(_asked: dict[str, Any]) -> dict[str, Any]:
    raise Refused("UnsupportedOperation", "The local SQS does not have this operation.")


def _check_queue(operation: str, asked: dict[str, Any]) -> None:
    named = asked.get("QueueName") if operation == "GetQueueUrl" else asked.get("QueueUrl")
    if str(named or "").rpartition("/")[2] != QUEUE_NAME:
        raise Refused("QueueDoesNotExist", "The specified queue does not exist.")


def _as_json(queued: Queued) -> dict[str, Any]:
    return {
        "MessageId": queued.id,
        "ReceiptHandle": queued.receipt,
        "Body": queued.body,
        "MD5OfBody": _md5(queued.body),
        "Attributes": {
            "ApproximateReceiveCount": str(queued.receives),
            "SentTimestamp": str(int(queued.sent_at.timestamp() * 1000)),
        },
    }


def _number(asked: dict[str, Any], name: str, default: int, *, low: int, high: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or not low <= value <= high:
        message = f"Value {value} for parameter {name} is invalid: between {low} and {high}."
        raise Refused("InvalidParameterValue", message)
    return value


async def _asked(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > _BODY_MAX:
        raise Refused("RequestEntityTooLarge", "The request is too large.", status=413)
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Refused("SerializationException", "The request is not JSON.") from None


def _md5(body: str) -> str:
    return hashlib.md5(body.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _json(content: dict[str, Any], status: int = 200) -> Response:
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/x-amz-json-1.0")
