"""What the local SES tells of the messages it took: SES's own records, signed as SNS signs them.

A `Send` record is put into the queue in the transaction that accepts the message, and so is what
becomes of it by itself; what its reader does follows by the inbox. A fault may say that a record is
lost. What became of each stands in a log of its own, for whoever judges a test.
"""

import json
import random
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sekvens.ses.local.checks import Submission
from sekvens.ses.local.queue import Queue
from sekvens.ses.local.records import ACCOUNT, BY_MARK, DEEDS, Sent, iso, record
from sekvens.ses.local.signing import Signer
from sekvens.ses.local.topic import Topic

__all__ = ["ACCOUNT", "TOPIC_ARN", "EventFaults", "EventPublisher"]

TOPIC_ARN: Final = f"arn:aws:sns:eu-north-1:{ACCOUNT}:ses-feedback"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS told (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    copies INTEGER NOT NULL,
    delay_seconds REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS told_id ON told (id);
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
    #: nothing but `Send` is told, as by an event destination that matches no other type
    only_send: bool = False
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

    def __init__(self, connection: sqlite3.Connection, queue: Queue, topic: Topic) -> None:
        self._connection = connection
        self._connection.executescript(_SCHEMA)
        self._queue = queue
        self._topic = topic
        #: signs, and says where its certificate lies; none: nobody listens yet
        self.signer: Signer | None = None
        self.base_url = ""
        #: recipient -> what becomes of messages to them, instead of a delivery
        self.fates: dict[str, tuple[str, ...]] = {}
        self.faults = EventFaults()

    @property
    def faults(self) -> EventFaults:
        """What goes wrong from now on."""
        return self._faults

    @faults.setter
    def faults(self, faults: EventFaults) -> None:
        self._faults = faults
        # Two, so that the same seed means the same for Send events, whatever else is told.
        self._random = random.Random(faults.seed)  # noqa: S311  fates of tests
        self._others = random.Random(faults.seed)  # noqa: S311

    def accepted(
        self, ses_message_id: str, submission: Submission, *, now: datetime, marked: str = ""
    ) -> None:
        """Tell that a message was accepted; call it in the transaction that accepts it."""
        by_itself = BY_MARK.get(marked, ("delivery",))
        if not marked:
            by_itself = self.fates.get(submission.recipients[0].lower(), by_itself)
        for what in ("send", *by_itself):
            self.tell(what, submission, ses_message_id=ses_message_id, accepted_at=now, now=now)

    def tell(
        self,
        what: str,
        sent: Sent,
        *,
        ses_message_id: str,
        accepted_at: datetime,
        now: datetime,
        link: str = "",
    ) -> None:
        """Tell what became of a message (`sekvens.ses.local.records.DEEDS`), by both doors."""
        faults = self._faults
        if faults.only_send and what != "send":
            return
        drawn = (self._random if what == "send" else self._others).random
        copies = 0 if drawn() < faults.lost else 2 if drawn() < faults.doubled else 1
        delay = timedelta(seconds=faults.delay_seconds if drawn() < faults.delayed else 0)
        written = record(
            what, sent, ses_message_id=ses_message_id, accepted_at=accepted_at, now=now, link=link
        )
        wrapped = json.dumps(self.envelope(json.dumps(written), now=now))
        body = json.dumps(written) if faults.raw else wrapped
        for _ in range(copies):
            self._queue.put(body, now=now, delay=delay)
            self._topic.put(wrapped, now=now, delay=delay)
        self._connection.execute(
            "INSERT INTO told (id, message_id, event_type, copies, delay_seconds) "
            "VALUES (?, ?, ?, ?, ?)",
            (ses_message_id, sent.tags.get("message_id", ""), written["eventType"], copies,
             delay.total_seconds()),
        )  # fmt: skip

    def told(self, *, ses_message_id: str = "", event_type: str = "") -> list[dict[str, Any]]:
        """List what became of each event, in order; `copies` 0: it was lost."""
        columns = ("id", "message_id", "event_type", "copies", "delay_seconds")
        rows = self._connection.execute(
            f"SELECT {', '.join(columns)} FROM told "
            "WHERE (? = '' OR id = ?) AND (? = '' OR event_type = ?) ORDER BY sequence",
            (ses_message_id, ses_message_id, event_type, event_type),
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def envelope(self, message: str, *, now: datetime, **more: str) -> dict[str, Any]:
        """Wrap a text as SNS does, and sign it."""
        wrapped: dict[str, Any] = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC_ARN,
            "Message": message,
            "Timestamp": iso(now),
            **more,
        }
        if wrapped["Type"] == "Notification":
            wrapped["Subject"] = "Amazon SES Email Event Notification"
            wrapped["UnsubscribeURL"] = f"{self.base_url}/_local/sns/?Action=Unsubscribe"
        if self.signer is not None:
            self.signer.sign(wrapped)
            wrapped["SigningCertURL"] = f"{self.base_url}/_local/sns/{self.signer.certificate_name}"
        return wrapped

    def set_fate(self, recipient: str, tells: tuple[str, ...]) -> None:
        """Say what becomes of messages to a recipient from now on; nothing: they are delivered.

        Raises:
            ValueError: there is no such thing.
        """
        unknown = set(tells) - set(DEEDS)
        if unknown:
            raise ValueError(f"there is no {min(unknown)}; there is {', '.join(DEEDS)}")
        self.fates.pop(recipient.lower(), None)
        if tells:
            self.fates[recipient.lower()] = tells
