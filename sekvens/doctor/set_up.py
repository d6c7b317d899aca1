"""The set-up that is looked over: its settings, and what the world says of it, each asked once.

Nothing is changed by looking. Whoever asks in vain gets `CouldNotBeAsked`, every time.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from sekvens.clock import Clock
from sekvens.settings import Settings

T = TypeVar("T")


class Aws(Protocol):
    """What Amazon says, as boto3 tells it: `BotoAws`, or a fake."""

    def account(self) -> dict[str, Any]:
        """Tell what SES's GetAccount tells."""
        ...

    def identity(self, name: str) -> dict[str, Any] | None:
        """Tell what SES's GetEmailIdentity tells; None if there is no such identity."""
        ...

    def destinations(self) -> list[dict[str, Any]] | None:
        """Tell the event destinations of the configuration set; None if there is no such set."""
        ...

    def queue(self) -> dict[str, str]:
        """Tell all attributes of the queue of events."""
        ...


class Names(Protocol):
    """What the domain name system says: `DnsNames`, or a fake."""

    def texts(self, name: str) -> list[str]:
        """Tell the TXT records of a name; none if it has none, or does not exist."""
        ...


@dataclass(frozen=True, kw_only=True)
class TemporalFacts:
    """What Temporal says of the namespace."""

    namespace: str
    is_registered: bool
    retention_days: float
    search_attributes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the workers, as Temporal's worker versioning knows it."""

    deployment: str
    build_id: str


@dataclass(frozen=True, kw_only=True)
class VersionFacts:
    """What Temporal says of the versions of workers; None among them: without a version."""

    current: Version | None
    at_work: frozenset[Version | None]  #: current or ramping
    there: frozenset[Version | None]  #: whose workers asked for work not long ago

    @property
    def knows_none(self) -> bool:
        """Tell whether nobody uses versions."""
        return self.at_work | self.there <= {None}


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """Everything that checks may look at."""

    settings: Settings
    is_sample: bool  #: no settings file: the sample shop
    clock: Clock
    aws: Aws
    names: Names
    temporal: Callable[[], TemporalFacts]
    versions: Callable[[], VersionFacts]
    message: Path | None = None  #: a message as it was received
    _lock: Lock = field(default_factory=Lock)
    _asked: dict[str, Future[Any]] = field(default_factory=dict)

    def once(self, name: str, ask: Callable[[], T]) -> T:
        """Ask for something, or wait for whoever asks already; the same answer for everybody."""
        with self._lock:
            asked = self._asked.get(name)
            is_mine = asked is None
            if asked is None:
                asked = self._asked[name] = Future()
        if is_mine:
            try:
                asked.set_result(ask())
            except Exception as error:  # noqa: BLE001  whoever waits gets the same
                asked.set_exception(error)
        answer: T = asked.result()
        return answer

    def account(self) -> dict[str, Any]:
        """Ask SES about the account, and keep beside it when that was by our clock."""
        return self.once("account", lambda: {**self.aws.account(), "AskedAt": self.clock.now()})

    def sender_domain(self) -> str:
        """Tell the domain that mail is sent from."""
        return self.settings.shop.sender.address.rpartition("@")[2].lower()

    def identity(self) -> dict[str, Any] | None:
        """Ask SES about the sender's domain."""
        return self.once("identity", lambda: self.aws.identity(self.sender_domain()))

    def destinations(self) -> list[dict[str, Any]] | None:
        """Ask SES where it publishes events."""
        return self.once("destinations", self.aws.destinations)

    def queue(self) -> dict[str, str]:
        """Ask SQS about the queue."""
        return self.once("queue", self.aws.queue)

    def namespace(self) -> TemporalFacts:
        """Ask Temporal about the namespace."""
        return self.once("namespace", self.temporal)

    def worker_versions(self) -> VersionFacts:
        """Ask Temporal about the versions of workers."""
        return self.once("versions", self.versions)
