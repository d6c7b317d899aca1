"""What the local SES tells of the messages it took: SES's `Send` records, as SNS brings them.

A record is put into the queue in the transaction that accepts the message, unless a fault says that
it is lost; what became of each stands in a log of its own, for whoever judges a test.
"""

import json
import random
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesHeaderParser
from typing import Any

from sekvens.ses.local.checks import Submission
from sekvens.ses.local.queue import Queue

ACCOUNT = "000000000000"
TOPIC_ARN = f"arn:aws:sns:eu-north-1:{ACCOUNT}:ses-feedback"
#: SES leaves out headers beyond so many bytes.
HEADERS_MAX = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS told (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    copies INTEGER NOT NULL,
    delay_seconds REAL NOT NULL
);
"""


@dataclass(frozen=True, kw_only=True)
class EventFaults:
    """What goes wrong with events. Fractions are of all events, drawn at random."""

    #: never told
    lost: float = 0.0
    #: told twice
    doubled: float = 0.0
    #: told only after `delay_seconds`
    delayed: float = 0.0
    delay_seconds: float = 0.0
    #: received in random order
    shuffled: bool = False
    #: without SNS's envelope (`RawMessageDelivery`): no fault, but another set-up
    raw: bool = False
    #: the same seed, the same fates
    seed: int | None = None

    def __post_init__(self) -> None:
        for name in ("lost", "doubled", "delayed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a fraction between 0 and 1")
        if not 0 <= self.delay_seconds < 86_400:
            raise ValueError("delay_seconds is at least 0, and less than a day")


class EventPublisher:
    """Tells of messages. The event loop's thread uses it alone."""

    def __init__(self, connection: sqlite3.Connection, queue: Queue) -> None:
        self._connection = connection
        self._connection.executescript(_SCHEMA)
        self._queue = queue
        self.faults = EventFaults()

    @property
    def faults(self) -> EventFaults:
        """What goes wrong from now on."""
        return self._faults

    @faults.setter
    def faults(self, faults: EventFaults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311  fates of tests

    def accepted(self, ses_message_id: str, submission: Submission, *, now: datetime) -> None:
        """Tell that a message was accepted; call it in the transaction that accepts it."""
        faults, drawn = self._faults, self._random.random
        copies = 0 if drawn() < faults.lost else 2 if drawn() < faults.doubled else 1
        delay = timedelta(seconds=faults.delay_seconds if drawn() < faults.delayed else 0)
        body = json.dumps(send_record(ses_message_id, submission, now=now))
        if not faults.raw:
            body = json.dumps(envelope(body, now=now))
        for _ in range(copies):
            self._queue.put(body, now=now, delay=delay)
        tagged = submission.tags.get("message_id", "")
        self._connection.execute(
            "INSERT INTO told (id, message_id, event_type, copies, delay_seconds) "
            "VALUES (?, ?, 'Send', ?, ?)",
            (ses_message_id, tagged, copies, delay.total_seconds()),
        )

    def told(self) -> list[dict[str, Any]]:
        """List what became of each event, in order; `copies` 0: it was lost."""
        columns = ("id", "message_id", "event_type", "copies", "delay_seconds")
        rows = self._connection.execute(f"SELECT {', '.join(columns)} FROM told ORDER BY sequence")
        return [dict(zip(columns, row, strict=True)) for row in rows]


def send_record(ses_message_id: str, submission: Submission, *, now: datetime) -> dict[str, Any]:
    """Write the record of an accepted message.

    https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
    """
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(submission.raw)
    listed, size = [], 0
    for name, value in headers.items():
        size += len(name) + len(str(value))
        if size <= HEADERS_MAX:
            listed.append({"name": name, "value": str(value)})
    sender = submission.sender
    tags = {
        "ses:configuration-set": [submission.configuration_set or "local"],
        "ses:source-ip": ["127.0.0.1"],
        "ses:from-domain": [sender.rpartition("@")[2]],
        "ses:caller-identity": ["local"],
        **{name: [value] for name, value in submission.tags.items()},
    }
    return {
        "eventType": "Send",
        "mail": {
            "timestamp": _iso(now),
            "source": sender,
            "sourceArn": f"arn:aws:ses:eu-north-1:{ACCOUNT}:identity/{sender}",
            "sendingAccountId": ACCOUNT,
            "messageId": ses_message_id,
            "destination": list(submission.recipients),
            "headersTruncated": size > HEADERS_MAX,
            "headers": listed,
            "commonHeaders": {
                "from": [str(headers.get("From", ""))],
                "to": list(submission.recipients),
                "messageId": ses_message_id,
                "subject": str(headers.get("Subject", "")),
            },
            "tags": tags,
        },
        "send": {},
    }


def envelope(message: str, *, now: datetime) -> dict[str, Any]:
    """Wrap a record as SNS does on its way to SQS. Nobody checks the signature of this channel."""
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": TOPIC_ARN,
        "Subject": "Amazon SES Email Event Notification",
        "Message": message,
        "Timestamp": _iso(now),
        "SignatureVersion": "2",
        "Signature": "bG9jYWw=",
        "SigningCertURL": "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": f"https://sns.eu-north-1.amazonaws.com/?Action=Unsubscribe&{TOPIC_ARN}",
    }


def _iso(instant: datetime) -> str:
    written = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")
