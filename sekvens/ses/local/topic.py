"""The other door: what the local SES tells is posted to subscribed endpoints, as SNS does it.

A subscription gets nothing before it has confirmed. What an endpoint does not take is tried three
times more, and then dropped, as SNS does; only this machine can be subscribed.
"""

import asyncio
import json
import secrets
import sqlite3
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sekvens.clock import Clock
from sekvens.sections import is_local

ATTEMPTS_MAX = 4
#: SNS waits 20 s; a laptop is nearer.
RETRY_AFTER = timedelta(seconds=1)
LOOK_SECONDS = 0.05
_BATCH = 10
_TIMEOUT_SECONDS = 15

_SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriptions (
    endpoint TEXT PRIMARY KEY, token TEXT NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS posts (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
"""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """An endpoint that wants to be told."""

    endpoint: str
    token: str
    confirmed: bool


class Topic:
    """The topic's subscriptions, in the local SES's own file. The event loop's thread uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.executescript(_SCHEMA)

    def subscribe(self, endpoint: str) -> Subscription:
        """Note that an endpoint is to be asked whether it wants to be told.

        Raises:
            ValueError: it is no HTTP endpoint of this machine.
        """
        if not endpoint.startswith(("http://", "https://")) or not is_local(endpoint):
            raise ValueError("the local SES posts to this machine only: http://127.0.0.1:…")
        self._connection.execute(
            "INSERT INTO subscriptions (endpoint, token) VALUES (?, ?) "
            "ON CONFLICT (endpoint) DO UPDATE SET token = excluded.token",
            (endpoint, secrets.token_hex(32)),
        )
        return next(each for each in self.subscriptions() if each.endpoint == endpoint)

    def confirm(self, token: str) -> bool:
        """Tell a subscription from now on; false: nobody was asked with this token."""
        confirmed = self._connection.execute(
            "UPDATE subscriptions SET confirmed = 1 WHERE token = ?", (token,)
        )
        return confirmed.rowcount > 0

    def subscriptions(self) -> list[Subscription]:
        """List them."""
        rows = self._connection.execute("SELECT endpoint, token, confirmed FROM subscriptions")
        return [
            Subscription(endpoint=endpoint, token=token, confirmed=bool(confirmed))
            for endpoint, token, confirmed in rows
        ]

    def put(self, body: str, *, now: datetime, delay: timedelta = timedelta(0)) -> None:
        """Post a body to everybody who has confirmed."""
        self._connection.execute(
            "INSERT INTO posts (endpoint, body, due_at) "
            "SELECT endpoint, ?, ? FROM subscriptions WHERE confirmed",
            (body, _written(now + delay)),
        )

    def ask(self, endpoint: str, body: str, *, now: datetime) -> None:
        """Post one endpoint the question whether it wants to be told."""
        self._connection.execute(
            "INSERT INTO posts (endpoint, body, due_at) VALUES (?, ?, ?)",
            (endpoint, body, _written(now)),
        )

    async def deliver(self, clock: Clock) -> None:
        """Post what is due, for as long as the server runs."""
        while True:
            if not await self._round(clock.now()):
                await asyncio.sleep(LOOK_SECONDS)

    async def _round(self, now: datetime) -> int:
        rows = self._connection.execute(
            "SELECT sequence, endpoint, body, attempts FROM posts WHERE due_at <= ? "
            "ORDER BY sequence LIMIT ?",
            (_written(now), _BATCH),
        ).fetchall()
        for sequence, endpoint, body, attempts in rows:
            taken = await asyncio.to_thread(_post, endpoint, body)
            if taken or attempts + 1 >= ATTEMPTS_MAX:
                self._connection.execute("DELETE FROM posts WHERE sequence = ?", (sequence,))
            else:
                self._connection.execute(
                    "UPDATE posts SET attempts = attempts + 1, due_at = ? WHERE sequence = ?",
                    (_written(now + RETRY_AFTER), sequence),
                )
        return len(rows)


def _post(endpoint: str, body: str) -> bool:
    """Post one body as SNS does; true: it was taken."""
    message: dict[str, Any] = json.loads(body)
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": message["Type"],
        "x-amz-sns-message-id": message["MessageId"],
        "x-amz-sns-topic-arn": message["TopicArn"],
    }
    request = urllib.request.Request(endpoint, body.encode(), headers)  # noqa: S310  this machine
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return 200 <= int(answer.status) < 300
    except (OSError, ValueError):  # an HTTP error is an OSError
        return False


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
