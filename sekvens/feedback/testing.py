"""A queue of SES's events for tests, ours and our users': in memory, and as unreliable as asked.

It keeps SQS's promises and no more: a message that is not deleted comes again, and the order of
messages is nobody's to lean on.
"""

import itertools
import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sekvens.feedback.queue import BATCH_MAX, Received


class FakeQueue:
    """A queue in memory; threads may share it. What is received is hidden until `show_again`."""

    def __init__(self, url: str = "http://127.0.0.1/000000000000/fake") -> None:
        self.url = url
        self._numbers = itertools.count(1)
        self._visible: dict[str, str] = {}
        self._hidden: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, body: str) -> None:
        """Put in a message as it would come from SNS."""
        with self._lock:
            self._visible[f"r-{next(self._numbers)}"] = body

    def receive(self, *, wait: timedelta) -> list[Received]:  # noqa: ARG002  nothing to wait for
        """Receive up to `BATCH_MAX` messages, at once."""
        with self._lock:
            taken = list(itertools.islice(self._visible.items(), BATCH_MAX))
            for receipt, body in taken:
                self._hidden[receipt] = body
                del self._visible[receipt]
        return [Received(receipt=receipt, body=body) for receipt, body in taken]

    def delete(self, received: Sequence[Received]) -> None:
        """Delete messages."""
        with self._lock:
            for each in received:
                self._hidden.pop(each.receipt, None)

    def show_again(self) -> None:
        """Let the visibility of all that was received and not deleted be over."""
        with self._lock:
            self._visible |= self._hidden
            self._hidden.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._visible) + len(self._hidden)


def event_body(
    message_id: str | None,
    *,
    at: datetime,
    ses_message_id: str = "0110-ses",
    event_type: str = "Send",
    sns_id: str | None = None,
    recipient: str = "kund@shop.example",
    **more: Any,
) -> str:
    """Write an event as SNS brings it; without an `sns_id` as raw delivery does."""
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {
        "eventType": event_type,
        "mail": {
            "timestamp": timestamp,
            "messageId": ses_message_id,
            "source": "maja@shop.example",
            "destination": [recipient],
            "headers": [{"name": "To", "value": recipient}],
            "commonHeaders": {"to": [recipient], "subject": "Hej Kim"},
            "tags": {"message_id": [message_id]} if message_id else {},
        },
        event_type.replace(" ", "").lower(): {},
        **more,
    }
    body = json.dumps(record)
    if sns_id is None:
        return body
    wrapped = {"Type": "Notification", "MessageId": sns_id, "Message": body, "Signature": "x"}
    return json.dumps(wrapped)
