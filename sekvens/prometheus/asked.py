"""What the database is asked at scrape time: how the whole installation stands, not one process.

Every process tells it alike, so that it is told still when one kind of them is down. Over processes
the greatest counts; a sum would count everything several times.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments import queries
from sekvens.prometheus.counted import REGISTRY
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.reputation.counts import rates
from sekvens.switches.turning import standing

#: Asked again after so long at the soonest, whoever scrapes, in seconds (wall time).
EVERY_SECONDS: Final = 5.0
#: Rates read thousands of rows; the breaker takes them once a minute, too.
RATES_EVERY_SECONDS: Final = 60.0
#: … and after so many times as long as the answer took: a database in need is not asked more.
REST: Final = 20
#: Who scrapes while another scrape is still asking waits for it no longer than this.
PATIENCE_SECONDS: Final = 2.0


class Sample(NamedTuple):
    """One value of one gauge."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


#: Name -> what it says, and its labels.
GAUGES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "sekvens_database_up": ("1: the database answered when it was last asked", ()),
        "sekvens_outbox_events": ("Events that the relay has not looked at", ()),
        "sekvens_outbox_oldest_seconds": ("Age of the oldest of them", ()),
        "sekvens_enrollments_owed": ("Enrollments that are owed a start or a signal now", ()),
        "sekvens_deliveries_oldest_seconds": ("Age of the oldest fact they are owed", ()),
        "sekvens_enrollments_parked": ("Enrollments that wait for a person", ("flow", "code")),
        "sekvens_messages_waiting": ("Messages that wait", ("purpose", "state")),
        "sekvens_messages_waiting_oldest_seconds": ("Since when", ("purpose", "state")),
        "sekvens_ses_rate_max": ("Messages a second that SES takes", ()),
        "sekvens_ses_day_max": ("Messages that SES takes in 24 hours; -1: no limit", ()),
        "sekvens_ses_day_sent": ("Messages that it took in the last 24", ()),
        "sekvens_ses_told_age_seconds": ("How old these three are", ()),
        "sekvens_ses_paused": ("1: SES takes nothing from this account", ()),
        "sekvens_held": ("1: a person or the breaker holds messages", ("what", "state")),
        "sekvens_rate_seen": ("Share that bounced or was complained of", ("purpose", "kind")),
        "sekvens_rate_certain": ("What is certain of it", ("purpose", "kind")),
        "sekvens_rate_messages": ("Messages that it is the share of", ("purpose", "kind")),
    }
)


class Installation(Collector):
    """Asks the database when it is scraped, and not too often. One per process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._quick = _Kept(EVERY_SECONDS)
        self._slow = _Kept(RATES_EVERY_SECONDS)

    def describe(self) -> Iterable[Metric]:
        """List the gauges, without asking."""
        return _families(())

    def collect(self) -> Iterable[Metric]:
        """Tell what the database says, or that it says nothing."""
        # One thread waits for a database that hangs, and not one more at each scrape.
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            return _families([Sample("sekvens_database_up", 0)])
        try:
            return _families(self._samples())
        except SQLAlchemyError:
            return _families([Sample("sekvens_database_up", 0)])
        finally:
            self._lock.release()

    def _samples(self) -> list[Sample]:
        for kept, ask in ((self._quick, _quick), (self._slow, _rates)):
            if kept.is_old():
                with kept.timed(), self._database.read() as session:
                    kept.samples = [*ask(session, self._clock.now())]
        return [Sample("sekvens_database_up", 1), *self._quick.samples, *self._slow.samples]


def tell_of(database: Database, clock: Clock) -> None:
    """Let this process tell, when it is scraped, how the installation stands."""
    REGISTRY.register(Installation(database, clock))


class _Kept:
    """An answer, and until when it is new enough."""

    def __init__(self, every_seconds: float) -> None:
        self.samples: list[Sample] = []
        self._every = every_seconds
        self._until = -1.0

    def is_old(self) -> bool:
        return time.monotonic() >= self._until

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self._until = ended + max(self._every, REST * (ended - began))


def _families(samples: Iterable[Sample]) -> list[Metric]:
    families = {
        name: GaugeMetricFamily(name, says, labels=labels)
        for name, (says, labels) in GAUGES.items()
    }
    for sample in samples:
        families[sample.name].add_metric(sample.labels, sample.value)
    return [*families.values()]


def _quick(session: Session, now: datetime) -> Iterator[Sample]:
    backlog = queries.backlog(session, now=now)
    yield Sample("sekvens_outbox_events", backlog.events)
    yield Sample("sekvens_outbox_oldest_seconds", _age(backlog.oldest_event_at, now))
    yield Sample("sekvens_enrollments_owed", backlog.enrollments)
    yield Sample("sekvens_deliveries_oldest_seconds", _age(backlog.oldest_owed_at, now))
    for flow, code, count in queries.parked_counts(session):
        yield Sample("sekvens_enrollments_parked", count, (flow, code))
    for open_ in queries.open_counts(session, now=now):
        labels = (open_.purpose, "in_doubt" if open_.in_doubt else "held")
        yield Sample("sekvens_messages_waiting", open_.messages, labels)
        age = _age(open_.since, now)
        yield Sample("sekvens_messages_waiting_oldest_seconds", age, labels)
    for switch in standing(session):
        yield Sample("sekvens_held", 1, (switch.name, switch.state))
    yield from _quota(session, now)


def _quota(session: Session, now: datetime) -> Iterator[Sample]:
    quota = session.get(SesQuota, THE_ACCOUNT)
    if quota is None or quota.told_at is None:
        return
    yield Sample("sekvens_ses_rate_max", quota.send_rate_max or 0)
    yield Sample("sekvens_ses_day_max", -1 if quota.day_max is None else quota.day_max)
    yield Sample("sekvens_ses_day_sent", quota.sent_last_day or 0)
    yield Sample("sekvens_ses_told_age_seconds", _age(quota.told_at, now))
    yield Sample("sekvens_ses_paused", quota.paused_since is not None)


def _rates(session: Session, now: datetime) -> Iterator[Sample]:
    for rate in rates(session, now=now):
        labels = (rate.purpose, rate.kind)
        yield Sample("sekvens_rate_seen", rate.seen / rate.of if rate.of else 0.0, labels)
        yield Sample("sekvens_rate_certain", rate.at_least, labels)
        yield Sample("sekvens_rate_messages", rate.of, labels)


def _age(since: datetime | None, now: datetime) -> float:
    """Tell an age in seconds (wall time); 0: there is nothing."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
