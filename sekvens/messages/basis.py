"""What marketing rests on: consent, or an earlier sale that still stands, and the topics chosen.

It is asked of committed facts at the gate. What rests on nothing is not sent.
"""

from collections.abc import Callable, Sequence
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
    return objection_to(
        order,
        status=None if given is None else ConsentStatus(given.status),
        is_by_sale=given is not None and given.basis == LegalBasis.EARLIER_SALE,
        has_sold=lambda: _has_sold(session, contact_ids, now=order.now, consent=consent),
        is_left_out=lambda topic: _is_left_out(session, contact_ids[0], topic),
        consent=consent,
    )


def objection_to(
    order: SendInput,
    *,
    status: ConsentStatus | None,
    is_by_sale: bool,
    has_sold: Callable[[], bool],
    is_left_out: Callable[[str], bool],
    consent: ConsentSettings,
) -> Objection | None:
    """Tell what forbids a marketing e-mail, by what is known of a contact; None: nothing does.

    `status` is their consent, None if there never was a word of it. `is_by_sale`: it rests on an
    earlier sale; then `has_sold` tells whether one still stands.
    """
    if status is not ConsentStatus.SUBSCRIBED:
        return Objection(is_about_all=status is ConsentStatus.UNSUBSCRIBED)
    if is_by_sale and not (consent.soft_opt_in and has_sold()):
        return Objection(is_about_all=False)
    topic = consent.topic_of(order.flow, order.step_id)
    if not topic or not is_left_out(topic):
        return None
    return Objection(is_about_all=consent.is_about(order.flow, topic))


def _is_left_out(session: Session, contact_id: str, topic: str) -> bool:
    chosen = session.get(Consent, (contact_id, topic_purpose(topic)))
    return chosen is not None and chosen.status == ConsentStatus.UNSUBSCRIBED


def _has_sold(
    session: Session, contact_ids: Sequence[str], *, now: datetime, consent: ConsentSettings
) -> bool:
    """Tell whether a sale of theirs stands and is not too old."""
    since = now - timedelta(days=consent.soft_opt_in_days)
    query = select(Order.order_id).where(
        Order.contact_id.in_(contact_ids), Order.state == "completed", Order.ordered_at > since
    )
    return session.scalar(query.limit(1)) is not None
