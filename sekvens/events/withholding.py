"""Events that become facts and start nothing: what an import says of long ago.

They are taken out of the outbox in the transaction that put them there, so no relay ever sees them.
"""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.events.tables import ContactEvent, OutboxEntry


def withhold(session: Session, message_ids: Collection[str]) -> None:
    """Owe the relay none of these events, which this transaction has stored."""
    for some in chunks(message_ids):
        stored = select(ContactEvent.id).where(ContactEvent.message_id.in_(some))
        session.execute(delete(OutboxEntry).where(OutboxEntry.event_id.in_(stored)))
