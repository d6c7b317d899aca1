"""What each process counts of its own work; over processes, these are added up.

Labels come from closed sets (flows, reasons, outcomes): no id, no address, no words of SES's.
docs/reference/metrics-prometheus.md lists every name, and a test compares.
"""

import logging
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

#: Ours alone: a library that counts something by itself is not told of under our name.
REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

#: From a signal's few milliseconds to an outage.
_LAG_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
#: A reply waits two seconds at the barrier at the most, and a call of SES's eight.
_CALL_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _counter(name: str, says: str, labels: Sequence[str]) -> Counter:
    return Counter(name, says, labels, registry=REGISTRY)


def _histogram(name: str, says: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
    return Histogram(name, says, labels, registry=REGISTRY, buckets=buckets)


READY: Final = Gauge(
    "sekvens_process_ready", "1: the process does its work", ["process"], registry=REGISTRY
)
LOG_LINES: Final = _counter("sekvens_log_lines", "Log lines, by their action", ["action", "level"])

# The API.
EVENTS: Final = _counter("sekvens_events", "Posted events, by what became of them", ["outcome"])
PRODUCTS: Final = _counter(
    "sekvens_products_told", "Products told of by HTTP, by what became of them", ["outcome"]
)
INGRESS: Final = _histogram(
    "sekvens_ingress_seconds",
    "From a request with events or products to its reply: commit and barrier included",
    ["code"],
    _CALL_SECONDS,
)

# The relay.
RELAY_CALLS: Final = _counter(
    "sekvens_relay_calls", "Starts and signals of workflows", ["call", "outcome"]
)
RELAY_LAG: Final = _histogram(
    "sekvens_relay_lag_seconds",
    "From the commit of an event to Temporal's word that it has it; the oldest of each call",
    ["what"],
    _LAG_SECONDS,
)
STARTED: Final = _counter("sekvens_enrollments_started", "Enrollments begun in Temporal", ["flow"])

# The worker.
ENDED: Final = _counter(
    "sekvens_enrollments_ended", "Enrollments that are over, by exit reason", ["flow", "reason"]
)
SENDS: Final = _counter(
    "sekvens_sends", "Turns of messages, by what came of them", ["flow", "purpose", "outcome"]
)
SKIPPED: Final = _counter(
    "sekvens_messages_skipped", "Messages not sent on purpose", ["flow", "purpose", "reason"]
)
DEFERRED: Final = _counter(
    "sekvens_sends_deferred", "Turns of messages that came too early", ["purpose", "reason"]
)
SES_CALL: Final = _histogram(
    "sekvens_ses_call_seconds", "One request to SES, by its end", ["outcome"], _CALL_SECONDS
)
FEEDS: Final = _counter(
    "sekvens_feed_answers", "What feeds were asked, by what came of it", ["feed", "outcome"]
)
REPORTS: Final = _counter("sekvens_feedback_reports", "What SES reports, by kind", ["kind"])


class CountingHandler(logging.Handler):
    """Counts the log's lines by action, so that an alert may follow every alarm of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Count a line of ours; a library's has no action."""
        action = getattr(record, "action", None)
        if action is not None:
            LOG_LINES.labels(str(action), record.levelname.lower()).inc()
