"""A crowd that signs up and orders, one after the other, at a backend that does not give up.

What was not answered with 200 is posted again under the same ids, so that what the crowd did is
known for certain: what each of them is to get follows from it.
"""

import json
import random
import sqlite3
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from sekvens.contacts.tables import Identity, IdentityKind
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason, Purpose
from sekvens.messages.tables import Message
from sekvens.ses.local.faults import FaultMode
from sekvens.ses.local.store import FILE_NAME
from tests.chaos.judging import TERMINAL, Verdict, judged
from tests.e2e.services import PATIENCE
from tests.e2e.stack import Stack, address_of, http_post, identify, order, sign_up

#: What may go wrong with a call of SES; everything that passes by itself.
SES_FAULTS = (
    FaultMode.THROTTLE,
    FaultMode.UNAVAILABLE,
    FaultMode.ERROR_AFTER_ACCEPT,
    FaultMode.RESET_AFTER_ACCEPT,
    FaultMode.RESET_BEFORE_ACCEPT,
    FaultMode.HANG_AFTER_ACCEPT,
    FaultMode.TRUNCATE,
)
POSTERS = 3
#: A busy machine is not given more than it can do: then it would be the load that is tested.
WAITING_MAX = 60
#: What waits, waits for a minute at the most, on a busy machine for two.
STUCK_SECONDS = 150.0


class Kind(Enum):
    """What somebody does."""

    READER = "reader"  #: signs up, and is greeted
    BUYER = "buyer"  #: orders, and gets the confirmation
    CONVERT = "convert"  #: signs up, is perhaps greeted, orders: the welcome ends


@dataclass(frozen=True, kw_only=True)
class Person:
    """One of them."""

    name: str
    kind: Kind
    faults: tuple[FaultMode, ...]  #: what goes wrong with the first calls of SES for them

    def posts(self) -> list[tuple[dict[str, Any], ...]]:
        """Tell what they do, request by request."""
        signs_up = sign_up(self.name)
        orders = order(self.name, f"order-{self.name}")
        match self.kind:
            case Kind.READER:
                return [signs_up]
            case Kind.BUYER:
                return [(identify(self.name), orders)]
            case Kind.CONVERT:
                return [signs_up, (orders,)]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What became of a crowd's messages."""

    marketing: Verdict
    transactional: Verdict
    in_doubt: int  #: messages whose answer was lost, however that was settled
    enrolled_twice: int
    unacknowledged: int  #: events that were answered with 200 and are not in the database
    unanswered: int  #: posts that were committed, and not answered: they were posted again
    not_ended: int  #: welcomes that an acknowledged order has not ended

    @property
    def all(self) -> Verdict:
        """Give both purposes together."""
        return self.marketing + self.transactional

    def facts(self) -> dict[str, int]:
        """Give the numbers as `verdicts.record` takes them."""
        return {
            **self.all.facts(),
            "in_doubt": self.in_doubt,
            "enrolled_twice": self.enrolled_twice,
            "unacknowledged": self.unacknowledged,
            "unanswered": self.unanswered,
            "not_ended": self.not_ended,
        }

    def broken(self) -> list[str]:
        """List what was not as promised, duplicates left out."""
        wrong = {
            "lost": self.all.lost,
            "silent": self.all.silent,
            "enrolled twice": self.enrolled_twice,
            "unacknowledged": self.unacknowledged,
            "not ended": self.not_ended,
        }
        return [f"{count} {name}" for name, count in wrong.items() if count]


class Crowd:
    """People with a seed. Several threads post for them, in order for each of them."""

    def __init__(
        self, stack: Stack, name: str, *, seed: int, fault_share: float = 0.0, faults_max: int = 3
    ) -> None:
        self.people: list[Person] = []
        self._stack = stack
        self._name = name
        self._random = random.Random(seed)  # noqa: S311  no secret: it can be repeated
        self._fault_share = fault_share
        self._faults_max = faults_max
        self._acknowledged: list[str] = []
        self._unanswered = 0
        self._lock = threading.Lock()

    @contextmanager
    def coming(self, *, every: float) -> Iterator[None]:
        """Let somebody new come so often (in seconds) for the length of a block."""
        leave = threading.Event()
        posters = [
            threading.Thread(target=self._come, args=(leave, every * POSTERS), name="poster")
            for _ in range(POSTERS)
        ]
        for poster in posters:
            poster.start()
        try:
            yield
        finally:
            leave.set()
            for poster in posters:
                poster.join(PATIENCE)

    def named(self, *kinds: Kind) -> list[str]:
        """List the shop's ids of those of some kinds."""
        return [person.name for person in self.people if person.kind in kinds]

    def settle(self) -> bool:
        """Wait until everything that was due has its end; false: nothing moves any more."""
        before, since = self._open(), time.monotonic()
        while any(now := self._open()):
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() > since + STUCK_SECONDS:
                return False
            time.sleep(0.5)
        return True

    def judge(self) -> Findings:
        """Compare what SES took, by its own log, with what was due and what the ledger says."""
        readers, converts = self.named(Kind.READER), self.named(Kind.CONVERT)
        buyers = [*self.named(Kind.BUYER), *converts]
        greeted = judged(
            self._stack, *readers, due=[("welcome", "hello")], purpose=Purpose.MARKETING
        )
        # Whoever orders is greeted at most once: what was in doubt then is given up.
        perhaps = judged(self._stack, *converts, purpose=Purpose.MARKETING, stream_is_alive=False)
        confirmed = judged(
            self._stack,
            *buyers,
            due=[("order-updates", "order-confirmation")],
            purpose=Purpose.TRANSACTIONAL,
        )
        return Findings(
            marketing=greeted + perhaps,
            transactional=confirmed,
            in_doubt=self._in_doubt(),
            enrolled_twice=self._enrolled_twice(),
            unacknowledged=self._unacknowledged(),
            unanswered=self._unanswered,
            not_ended=self._not_ended(),
        )

    def _open(self) -> tuple[int, int, int]:
        """Count what has no row yet, what has no end, and enrollments that an order is to end."""
        rows = (
            select(Identity.value, Message.step_id, Message.state)
            .join(Message, Message.contact_id == Identity.contact_id)
            .where(Identity.kind == IdentityKind.USER_ID)
        )
        with self._stack.database.read() as session:
            found = session.execute(rows).all()
        due = {(name, "hello") for name in self.named(Kind.READER)}
        due |= {(name, "order-confirmation") for name in self.named(Kind.BUYER, Kind.CONVERT)}
        over = {(name, step) for name, step, state in found if state in TERMINAL}
        return len(due - over), len(found) - len(over), self._not_ended()

    def _come(self, leave: threading.Event, every: float) -> None:
        while not leave.wait(every):
            if self._are_many():
                continue
            person = self._next()
            for mode in person.faults:
                self._arm(person, mode)
            for posts in person.posts():
                self._post(*posts)
                with self._lock:
                    self._acknowledged += [each["messageId"] for each in posts]

    def _are_many(self) -> bool:
        """Tell whether so many wait for an e-mail that more would tell nothing more."""
        log = (self._stack.site.data / "ses" / FILE_NAME).resolve()
        with closing(sqlite3.connect(f"{log.as_uri()}?mode=ro", uri=True)) as connection:
            query = "SELECT COUNT(DISTINCT recipients) FROM accepted"
            (served,) = connection.execute(query).fetchone()
        return len(self.people) - served > WAITING_MAX

    def _next(self) -> Person:
        with self._lock:
            faults: list[FaultMode] = []
            while len(faults) < self._faults_max and self._random.random() < self._fault_share:
                faults.append(self._random.choice(SES_FAULTS))
            kind = self._random.choice((Kind.READER, Kind.READER, Kind.BUYER, Kind.CONVERT))
            name = f"{self._name}-{len(self.people)}"
            person = Person(name=name, kind=kind, faults=tuple(faults))
            self.people.append(person)
            return person

    def _arm(self, person: Person, mode: FaultMode) -> None:
        body = json.dumps({"mode": mode, "count": 1, "recipient": address_of(person.name)})
        http_post(
            f"{self._stack.site.inbox_url}/_local/faults",
            body.encode(),
            {"Content-Type": "application/json"},
        )

    def _post(self, *events: dict[str, Any]) -> None:
        while True:
            try:
                self._stack.post(*events)
            except (urllib.error.URLError, OSError, HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                time.sleep(0.1)
                refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
                taken = not refused and self._is_taken(events[0]["messageId"])
                with self._lock:
                    self._unanswered += taken
            else:
                return

    def _is_taken(self, message_id: str) -> bool:
        query = select(ContactEvent.id).where(ContactEvent.message_id == message_id)
        try:
            with self._stack.database.read() as session:
                return session.scalar(query) is not None
        except DBAPIError:  # it is down itself
            return False

    def _in_doubt(self) -> int:
        query = select(func.count()).select_from(Message).where(
            Message.settled_by.is_not(None)
            | Message.resent_in_doubt
            | (Message.skip_reason == SkipReason.OUTCOME_UNKNOWN)
        )  # fmt: skip
        with self._stack.database.read() as session:
            return session.scalar(query) or 0

    def _enrolled_twice(self) -> int:
        counted = func.count().label("times")
        whose = (Enrollment.contact_id, Enrollment.flow)
        times = select(counted).select_from(Enrollment).group_by(*whose)
        with self._stack.database.read() as session:
            return sum(each > 1 for each in session.scalars(times))

    def _unacknowledged(self) -> int:
        with self._stack.database.read() as session:
            known = set(session.scalars(select(ContactEvent.message_id)))
        return len(set(self._acknowledged) - known)

    def _not_ended(self) -> int:
        converted = set(self.named(Kind.CONVERT))
        query = (
            select(Identity.value)
            .join(Enrollment, Enrollment.contact_id == Identity.contact_id)
            .where(
                Enrollment.flow == "welcome",
                Enrollment.exit_reason.is_distinct_from(ExitReason.CONVERTED),
            )
        )
        with self._stack.database.read() as session:
            return len(converted & set(session.scalars(query)))
