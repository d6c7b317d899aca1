"""What the local SES accepted: an append-only log in one SQLite file.

The log is the judge of every test that kills something: it knows nothing of our ledger, a row is
committed before SES answers, and nothing can change or delete one (triggers forbid it).
"""

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sekvens.ses.local.events import EventPublisher
from sekvens.ses.local.queue import Queue
from sekvens.ses.local.topic import Topic

FILE_NAME = "local-ses.db"

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS accepted (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    accepted_at TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    tags TEXT NOT NULL,
    flow TEXT NOT NULL,
    configuration_set TEXT NOT NULL,
    marked TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE TRIGGER IF NOT EXISTS accepted_keeps_rows BEFORE DELETE ON accepted
    BEGIN SELECT RAISE(ABORT, 'the log of accepted messages is append-only'); END;
CREATE TRIGGER IF NOT EXISTS accepted_keeps_values BEFORE UPDATE ON accepted
    BEGIN SELECT RAISE(ABORT, 'the log of accepted messages is append-only'); END;
CREATE TABLE IF NOT EXISTS suppressed (
    address TEXT PRIMARY KEY, reason TEXT NOT NULL, updated_at TEXT NOT NULL
);
"""
_COLUMNS = "sequence, id, accepted_at, sender, recipients, tags, configuration_set, marked, raw"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One message that the local SES took."""

    #: its place in the order of acceptance, from 1
    sequence: int
    #: SES's MessageId
    id: str
    accepted_at: datetime
    sender: str
    recipients: tuple[str, ...]
    tags: Mapping[str, str]
    configuration_set: str
    #: what would become of it: `bounce`, `complaint`, `suppressed` …; empty: delivered
    marked: str
    #: the whole message as it came
    raw: bytes


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """An address on the account's suppression list."""

    address: str
    reason: str
    updated_at: datetime


class Store:
    """The log and the suppression list, in one folder. The event loop's thread writes alone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            folder / FILE_NAME, isolation_level=None, check_same_thread=False
        )
        self._connection.executescript(_SCHEMA)
        self.queue = Queue(self._connection)
        self.topic = Topic(self._connection)
        self.events = EventPublisher(self._connection, self.queue, self.topic)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done in a block, all or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def append(
        self,
        *,
        now: datetime,
        sender: str,
        recipients: Sequence[str],
        tags: Mapping[str, str],
        configuration_set: str,
        marked: str,
        raw: bytes,
    ) -> str:
        """Commit one accepted message and return its MessageId."""
        # The form of Amazon's own: milliseconds in hex first, so ids sort by time.
        ses_message_id = f"0110{int(now.timestamp() * 1000):012x}-{uuid.uuid4()}-000000"
        flow = " ".join(filter(None, (tags.get("flow", ""), tags.get("step", ""))))
        self._connection.execute(
            "INSERT INTO accepted (id, accepted_at, sender, recipients, tags, flow, "
            "configuration_set, marked, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                ses_message_id,
                _written(now),
                sender,
                json.dumps(list(recipients)),
                json.dumps(dict(tags)),
                flow,
                configuration_set,
                marked,
                raw,
            ),
        )
        return ses_message_id

    def newest(self, *, search: str = "", before: int = 0, limit: int = 50) -> list[Accepted]:
        """List messages, newest first; `search` is part of a recipient, a flow or a step."""
        pattern = f"%{_escaped(search)}%"
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM accepted WHERE (? = 0 OR sequence < ?) "
            "AND (recipients LIKE ? ESCAPE '\\' OR flow LIKE ? ESCAPE '\\') "
            "ORDER BY sequence DESC LIMIT ?",
            (before, before, pattern, pattern, limit),
        )
        return [_accepted(row) for row in rows]

    def after(self, sequence: int = 0, *, limit: int = -1) -> list[Accepted]:
        """List messages in the order of acceptance, those after a sequence number."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM accepted WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (sequence, limit),
        )
        return [_accepted(row) for row in rows]

    def get(self, ses_message_id: str) -> Accepted | None:
        """Find one message by SES's id."""
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM accepted WHERE id = ?", (ses_message_id,)
        ).fetchone()
        return _accepted(row) if row else None

    def neighbours(self, sequence: int) -> tuple[str, str]:
        """Tell the ids of the next newer and the next older message; empty: there is none."""
        newer, older = (
            self._connection.execute(
                f"SELECT id FROM accepted WHERE sequence {side} ? "
                f"ORDER BY sequence {order} LIMIT 1",
                (sequence,),
            ).fetchone()
            for side, order in ((">", "ASC"), ("<", "DESC"))
        )
        return (newer[0] if newer else "", older[0] if older else "")

    def count(self) -> int:
        """Count the messages."""
        # Nothing is ever deleted, so the last number is the count, and finding it is quick.
        (count,) = self._connection.execute("SELECT MAX(sequence) FROM accepted").fetchone()
        return count or 0

    def accepted_in_last_day(self, now: datetime) -> list[tuple[datetime, int]]:
        """List when messages that count against the day's quota were accepted, and for how many."""
        rows = self._connection.execute(
            "SELECT accepted_at, json_array_length(recipients) FROM accepted "
            "WHERE accepted_at > ? AND marked NOT LIKE 'simulated%' ORDER BY sequence",
            (_written(now - timedelta(hours=24)),),
        )
        return [(datetime.fromisoformat(at), recipients) for at, recipients in rows]

    def suppress(self, address: str, *, reason: str, now: datetime) -> None:
        """Put an address on the suppression list, or change why it is there."""
        self._connection.execute(
            "INSERT OR REPLACE INTO suppressed VALUES (?, ?, ?)",
            (address.lower(), reason, _written(now)),
        )

    def release(self, address: str) -> bool:
        """Take an address off the suppression list; false: it was not on it."""
        cursor = self._connection.execute(
            "DELETE FROM suppressed WHERE address = ?", (address.lower(),)
        )
        return cursor.rowcount > 0

    def suppressed(self, address: str) -> Suppressed | None:
        """Look an address up in the suppression list."""
        row = self._connection.execute(
            "SELECT address, reason, updated_at FROM suppressed WHERE address = ?",
            (address.lower(),),
        ).fetchone()
        return _suppressed(row) if row else None

    def all_suppressed(self) -> list[Suppressed]:
        """List the suppression list."""
        rows = self._connection.execute(
            "SELECT address, reason, updated_at FROM suppressed ORDER BY address"
        )
        return [_suppressed(row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def read_log(folder: Path) -> list[Accepted]:
    """Read the log from its file, whether a local SES runs on it or not."""
    path = (folder / FILE_NAME).resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM accepted ORDER BY sequence")
        return [_accepted(row) for row in rows]


def _accepted(row: tuple[int, str, str, str, str, str, str, str, bytes]) -> Accepted:
    sequence, ses_message_id, at, sender, recipients, tags, configuration_set, marked, raw = row
    return Accepted(
        sequence=sequence,
        id=ses_message_id,
        accepted_at=datetime.fromisoformat(at),
        sender=sender,
        recipients=tuple(json.loads(recipients)),
        tags=json.loads(tags),
        configuration_set=configuration_set,
        marked=marked,
        raw=raw,
    )


def _suppressed(row: tuple[str, str, str]) -> Suppressed:
    address, reason, updated_at = row
    return Suppressed(address=address, reason=reason, updated_at=datetime.fromisoformat(updated_at))


def _written(instant: datetime) -> str:
    """Write an instant so that text sorts as time does."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _escaped(search: str) -> str:
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
