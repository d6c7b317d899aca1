"""The trail of an event in the logs: one id from the post to each e-mail that it led to.

`event_id` is the event's `messageId`, as `names.plain` makes it. It stands in the line of the API
that stored it, of the relay that started or signalled an enrollment for it, and of the worker that
sent a message of an enrollment which it had triggered. No content of the event stands in any.
"""

import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.enrollments.names import plain
from sekvens.enrollments.tables import Enrollment
from sekvens.events.ingest import Ingested
from sekvens.events.parse import Incoming, IncomingEvent
from sekvens.events.tables import ContactEvent

logger = logging.getLogger(__name__)

#: Ids in one line of the log; a batch of thousands is told in several.
IDS_MAX: Final = 50
#: What became of posted events: the names of `Ingested`'s counts.
OUTCOMES: Final = ("accepted", "duplicates", "rejected")


def log_stored(events: Sequence[Incoming], ingested: Ingested) -> None:
    """Say which events have been committed, and how many of them were known or of no use."""
    if not logger.isEnabledFor(logging.INFO):
        return
    ids = [plain(event.message_id) for event in events if isinstance(event, IncomingEvent)]
    for start in range(0, len(ids), IDS_MAX):
        some = ids[start : start + IDS_MAX]
        extra = {"action": "events_stored", "event_ids": ",".join(some)}
        if start == 0:
            extra |= {outcome: str(getattr(ingested, outcome)) for outcome in OUTCOMES}
        logger.info("%d events are stored", len(some), extra=extra)


def trigger_of(session: Session, enrollment_id: str) -> str:
    """Tell the id of the event that triggered an enrollment; `-`: a scan or a person did."""
    query = (
        select(ContactEvent.message_id)
        .join(Enrollment, Enrollment.trigger_event_id == ContactEvent.id)
        .where(Enrollment.id == enrollment_id)
    )
    found = session.scalar(query)
    return plain(found) if found else "-"
