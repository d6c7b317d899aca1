"""What marketing rests on: consent, or an earlier sale that still stands, and the topics chosen.

It is asked of committed facts at the gate. What rests on nothing is not sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.consent import MARKETING, topic_purpose
from sekvens.contacts.tables import Consent, ConsentStatus, LegalBasis
from sekvens.enrollments.wire import SendInput
from sekvens.events.tables import Order


@dataclass(frozen=True, kw_only=True)
class Objection:
    """The contact does not want, or never asked for, this e-mail."""

    is_about_all: bool  #: they want nothing more of the whole flow


def objection(
    session: Session,
    order: SendInput,
    contact_ids: Sequence[str],
    *,
    consent: ConsentSettings,
) -> Objection | None:
    """Tell what forbids a marketing e-mail; None: it rests on something.

    `contact_ids` are all that the person is known as, the canonical one first.
    """
    given = session.get(Consent, (contact_ids[0], MARKETING))
    if given is None or given.status != ConsentStatus.SUBSCRIBED:
        withdrawn = given is not None and given.status == ConsentStatus.UNSUBSCRIBED
        return Objection(is_about_all=withdrawn)
    if given.basis == LegalBasis.EARLIER_SALE and not _has_sold(
        session, contact_ids, now=order.now, consent=consent
    ):
        return Objection(is_about_all=False)
    topic = consent.topic_of(order.flow, order.step_id)
    chosen = topic and session.get(Consent, (contact_ids[0], topic_purpose(topic)))
    if not topic or not chosen or chosen.status != ConsentStatus.UNSUBSCRIBED:
        return None
    return Objection(is_about_all=consent.is_about(order.flow, topic))


def _has_sold(
    session: Session, contact_ids: Sequence[str], *, now: datetime, consent: ConsentSettings
) -> bool:
    """Tell whether the shop goes by earlier sales, and one of theirs stands and is not too old."""
    if not consent.soft_opt_in:
        return False
    since = now - timedelta(days=consent.soft_opt_in_days)
    query = select(Order.order_id).where(
        Order.contact_id.in_(contact_ids), Order.state == "completed", Order.ordered_at > since
    )
    return session.scalar(query.limit(1)) is not None
