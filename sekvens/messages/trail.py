"""The last lines of an event's trail: a message that left for it, or did not, and why.

`sekvens.events.trail` says what an `event_id` is. What became of the message is reported later, by
its `message_id`.
"""

import logging

from sqlalchemy.exc import SQLAlchemyError

from sekvens.db.session import Database
from sekvens.enrollments.wire import SendInput
from sekvens.events.trail import trigger_of
from sekvens.flows.outcomes import SkipReason

logger = logging.getLogger(__name__)


def log_sent(database: Database, order: SendInput, message_id: str, ses_message_id: str) -> None:
    """Say that SES took a message."""
    extra = {"action": "message_sent", **_ids(database, order, message_id)}
    extra["ses_message_id"] = ses_message_id
    logger.info("%s/%s is with SES", order.flow, order.step_id, extra=extra)


def log_skipped(database: Database, order: SendInput, message_id: str, reason: SkipReason) -> None:
    """Say that a message is not sent, and why."""
    extra = {"action": "message_skipped", **_ids(database, order, message_id)}
    extra["reason"] = reason.value
    logger.info("%s/%s skipped: %s", order.flow, order.step_id, reason.value, extra=extra)


def _ids(database: Database, order: SendInput, message_id: str) -> dict[str, str]:
    return {
        "event_id": _event_of(database, order.enrollment_id),
        "enrollment_id": order.enrollment_id,
        "contact_id": order.contact_id,
        "message_id": message_id,
    }


def _event_of(database: Database, enrollment_id: str) -> str:
    try:
        with database.read() as session:
            return trigger_of(session, enrollment_id)
    except SQLAlchemyError:  # what happened stands in the ledger: a line is no reason to fail
        return "?"
