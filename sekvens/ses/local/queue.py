"""A queue as SQS has it: what it was given stays until it is deleted, over every restart.

Whoever receives a message has it alone for the visibility timeout; then it is there again. So a
message comes at least once, and in no order that anybody may lean on.
"""

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: As SQS keeps messages by default.
RETENTION = timedelta(days=4)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    visible_at TEXT NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    receipt TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS queue_visible_at ON queue (visible_at);
"""


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A message as a receiver gets it."""

    id: str
    body: str
    sent_at: datetime
    #: how often it has been received, this time included
    receives: int
    #: deletes it
    receipt: str


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many messages there are."""

    visible: int
    #: received, and neither deleted nor back yet
    in_flight: int
    delayed: int


class Queue:
    """The queue, in the local SES's own file. The event loop's thread uses it alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.executescript(_SCHEMA)

    def put(self, body: str, *, now: datetime, delay: timedelta = timedelta(0)) -> str:
        """Put a message in, and return its id."""
        message_id = str(uuid.uuid4())
        self._connection.execute(
            "INSERT INTO queue (id, body, sent_at, visible_at) VALUES (?, ?, ?, ?)",
            (message_id, body, _written(now), _written(now + delay)),
        )
        return message_id

    def take(
        self, count: int, *, visibility: timedelta, now: datetime, shuffled: bool = False
    ) -> list[Queued]:
        """Receive some messages; nobody else sees them until `visibility` has passed."""
        self._forget(now)
        order = "RANDOM()" if shuffled else "sequence"
        rows = self._connection.execute(
            "SELECT sequence, id, body, sent_at, receives FROM queue WHERE visible_at <= ? "
            f"ORDER BY {order} LIMIT ?",
            (_written(now), count),
        ).fetchall()
        taken = []
        for sequence, message_id, body, sent_at, receives in rows:
            receipt = f"{message_id}#{uuid.uuid4()}"
            self._connection.execute(
                "UPDATE queue SET receives = receives + 1, receipt = ?, visible_at = ? "
                "WHERE sequence = ?",
                (receipt, _written(now + visibility), sequence),
            )
            taken.append(
                Queued(
                    id=message_id,
                    body=body,
                    sent_at=datetime.fromisoformat(sent_at),
                    receives=receives + 1,
                    receipt=receipt,
                )
            )
        return taken

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages; a receipt that is not the newest of its message deletes nothing."""
        self._connection.execute(
            "DELETE FROM queue WHERE receipt IN (SELECT value FROM json_each(?))",
            (json.dumps([receipt for receipt in receipts if receipt]),),
        )

    def counts(self, now: datetime) -> Counts:
        """Count what is there."""
        visible, in_flight, delayed = self._connection.execute(
            "SELECT COUNT(*) FILTER (WHERE visible_at <= :now), "
            "COUNT(*) FILTER (WHERE visible_at > :now AND receives > 0), "
            "COUNT(*) FILTER (WHERE visible_at > :now AND receives = 0) FROM queue",
            {"now": _written(now)},
        ).fetchone()
        return Counts(visible=visible, in_flight=in_flight, delayed=delayed)

    def _forget(self, now: datetime) -> None:
        """Drop what nobody has fetched in days: a laptop's queue must not grow for ever."""
        oldest = self._connection.execute("SELECT sent_at FROM queue LIMIT 1").fetchone()
        if oldest and oldest[0] < _written(now - RETENTION):
            self._connection.execute(
                "DELETE FROM queue WHERE sent_at < ?", (_written(now - RETENTION),)
            )


def _written(instant: datetime) -> str:
    """Write an instant so that text sorts as time does."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
