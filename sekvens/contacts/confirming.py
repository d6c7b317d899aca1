"""Confirming a sign-up: the word that was given at the form counts once its address has answered.

What was agreed to is what the form showed then; the confirmation adds that it was the address's own
reader, and when.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.contacts.wishes import needs_a_hand
from sekvens.events.ingest import record_fact
from sekvens.events.schema import EMAIL_CONFIRMATION_REQUESTED, EMAIL_SUBSCRIBED
from sekvens.events.tables import ContactEvent

#: So long after the sign-up (shop time) the link confirms it; the e-mails of the flow say so too.
CONFIRM_WITHIN: Final = timedelta(days=7)
#: What is taken over from the request.
_EVIDENCE: Final = ("source", "form", "page_url", "ip_mark", "wording", "wording_version")


class Confirmable(StrEnum):
    """Whether a sign-up can be confirmed."""

    YES = "yes"  #: asked, and not answered yet
    DONE = "done"  #: they are subscribed
    OVER = "over"  #: too late, or they have said no since


def confirmable(session: Session, contact: Contact | None, *, now: datetime) -> Confirmable:
    """Tell whether a contact's sign-up can be confirmed; `now` is shop time."""
    if contact is None or needs_a_hand(session, contact):
        return Confirmable.OVER
    given = session.get(Consent, (contact.id, MARKETING))
    if given is not None and given.status == ConsentStatus.SUBSCRIBED:
        return Confirmable.DONE
    pending = given is not None and given.status == ConsentStatus.PENDING
    in_time = given is not None and now <= given.changed_at + CONFIRM_WITHIN
    return Confirmable.YES if pending and in_time else Confirmable.OVER


def confirm(
    session: Session, contact: Contact, *, message_id: str, shop_now: datetime, now: datetime
) -> None:
    """Record that a contact confirmed their sign-up; `now` is wall time.

    Raises:
        sqlalchemy.exc.IntegrityError: they pressed twice at this moment; it is recorded.
    """
    request = _newest_request(session, contact.id)
    evidence = {name: request[name] for name in _EVIDENCE if name in request}
    record_fact(
        session,
        contact_id=contact.id,
        name=EMAIL_SUBSCRIBED,
        message_id=f"confirm/{request.get('request_id', message_id)}",
        properties=evidence | {"confirmed": True, "email_id": message_id},
        occurred_at=shop_now,
        now=now,
    )


def _newest_request(session: Session, contact_id: str) -> dict[str, Any]:
    query = (
        select(ContactEvent.properties)
        .where(
            ContactEvent.contact_id == contact_id,
            ContactEvent.name == EMAIL_CONFIRMATION_REQUESTED,
        )
        .order_by(ContactEvent.occurred_at.desc(), ContactEvent.id.desc())
        .limit(1)
    )
    return session.scalar(query) or {}
