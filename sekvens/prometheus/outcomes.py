"""What came of a message's turn, as counted."""

from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import Deferred, Outcome, Skipped
from sekvens.prometheus.counted import DEFERRED, SENDS, SKIPPED


def count_turn(order: SendInput, outcome: Outcome) -> None:
    """Count one turn of one message."""
    SENDS.labels(order.flow, order.purpose, outcome.kind).inc()
    if isinstance(outcome, Skipped):
        SKIPPED.labels(order.flow, order.purpose, outcome.reason).inc()
    elif isinstance(outcome, Deferred):
        DEFERRED.labels(order.purpose, outcome.reason).inc()
