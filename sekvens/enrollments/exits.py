"""Whether a committed fact ends an enrollment, signalled or not: asked before whatever it does.

The relay may be late, and Temporal's timers fire without it. What has been acknowledged counts.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.flows.graph import Graph
from sekvens.flows.steps import ExitReason


def exit_of(
    session: Session,
    enrollment: Enrollment,
    graph: Graph,
    contact_ids: Sequence[str],
    *,
    but: str | None = None,
) -> ExitReason | None:
    """Tell why an enrollment is over, by its row or by a committed fact; None: it goes on.

    `contact_ids` are all that the person is known as; `but` is the `messageId` of an event that
    ends nothing, because the enrollment itself is what recorded it.
    """
    if enrollment.state == EnrollmentState.ENDED:
        return ExitReason(enrollment.exit_reason or ExitReason.CANCELLED)
    if enrollment.exit_owed is not None:
        return ExitReason(enrollment.exit_owed)
    rules = graph.exit_rules()
    # What the relay owes this enrollment, and what it has not got to yet: between them, every event
    # committed since the enrollment's own trigger, an older one that was committed late included.
    waiting = select(OutboxEntry.event_id).where(OutboxEntry.contact_id.in_(contact_ids))
    owed = select(Delivery.event_id).where(Delivery.enrollment_id == enrollment.id, Delivery.urgent)
    since = ContactEvent.id > (enrollment.trigger_event_id or 0)
    if enrollment.trigger_event_id is None:
        since &= ContactEvent.occurred_at >= enrollment.started_at
    events = session.execute(
        select(ContactEvent.name, ContactEvent.properties, ContactEvent.message_id)
        .where(
            ContactEvent.contact_id.in_(contact_ids),
            ContactEvent.name.in_({rule.pattern.name for rule in rules}),
            since | ContactEvent.id.in_(owed) | ContactEvent.id.in_(waiting),
        )
        .order_by(ContactEvent.id)
    )
    for name, properties, message_id in events:
        for rule in rules:
            if message_id != but and rule.pattern.matches(
                name, properties, entry_key=enrollment.entry_key
            ):
                return rule.reason
    return None
