"""Signing up by the shop's form: an address is asked first, and counts once it has been confirmed.

Anybody may type in another's address. So a sign-up takes nothing from whoever is subscribed, writes
nothing about a contact who is known, and never asks an address that complained or bounced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.consent import MARKETING
from sekvens.contacts.suppression import key_of_address, who_has
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    Identity,
    IdentityKind,
    Suppression,
    SuppressionReason,
)
from sekvens.db.base import new_id
from sekvens.events.ingest import ingest, record_fact
from sekvens.events.parse import IncomingEvent
from sekvens.events.schema import EMAIL_CONFIRMATION_REQUESTED, EMAIL_SUBSCRIBED
from sekvens.events.tables import ContactEvent
from sekvens.flows.shop_time import ShopTime

#: One address is asked no sooner again, and no more often in a day (wall time): a form in a
#: stranger's hands is no way to fill somebody's inbox.
ASKED_AGAIN_AFTER: Final = timedelta(minutes=10)
ASKED_PER_DAY_MAX: Final = 3


class SignedUp(StrEnum):
    """What became of a sign-up. The page says the same to all of them."""

    ASKED = "asked"  #: an e-mail asks them to confirm it
    SUBSCRIBED = "subscribed"  #: they are subscribed, now or already
    TOO_SOON = "too_soon"  #: they have just been asked
    NEEDS_A_HAND = "needs_a_hand"  #: the address is suppressed in a way that only a person ends


@dataclass(frozen=True, kw_only=True)
class SignUpRequest:
    """A sign-up as the form posted it: `email` in the form that SES takes."""

    email: str
    agreed: Mapping[str, str]  #: the wording, and its version
    form: str = ""
    first_name: str | None = None
    locale: str | None = None
    page_url: str | None = None
    ip_mark: str | None = None
    anonymous_id: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def evidence(self) -> dict[str, Any]:
        """Tell what is kept of how it was said."""
        said = {"page_url": self.page_url, "ip_mark": self.ip_mark, "form": self.form or None}
        source = f"form {self.form}" if self.form else "form"
        return {
            "source": source,
            **self.agreed,
            **{name: value for name, value in said.items() if value is not None},
        }


def sign_up(
    session: Session,
    request: SignUpRequest,
    *,
    consent: ConsentSettings,
    shop_time: ShopTime,
    now: datetime,
) -> SignedUp:
    """Record a sign-up; `now` is wall time.

    Raises:
        sqlalchemy.exc.IntegrityError: the same address signed up at this moment; do it again.
    """
    suppression = session.get(Suppression, key_of_address(request.email))
    if suppression is not None and suppression.reason != SuppressionReason.INACTIVE:
        return SignedUp.NEEDS_A_HAND
    contact_id = _contact_with(session, request.email)
    name = EMAIL_CONFIRMATION_REQUESTED if consent.double_opt_in else EMAIL_SUBSCRIBED
    properties = request.evidence() | {"request_id": new_id("r")}
    if contact_id is None:
        event = _first_event(session, request, name, properties, now=now)
        ingest(session, [event], now=now, shop_time=shop_time)
    else:
        given = session.get(Consent, (contact_id, MARKETING))
        if given is not None and given.status == ConsentStatus.SUBSCRIBED:
            return SignedUp.SUBSCRIBED
        if _was_just_asked(session, contact_id, now=now):
            return SignedUp.TOO_SOON
        record_fact(
            session,
            contact_id=contact_id,
            name=name,
            message_id=f"sign-up/{properties['request_id']}",
            properties=properties,
            occurred_at=shop_time.at(now),
            now=now,
        )
    return SignedUp.ASKED if consent.double_opt_in else SignedUp.SUBSCRIBED


def _contact_with(session: Session, email: str) -> str | None:
    """Find the contact who has an address: of several, who is subscribed, else the oldest."""
    ids = who_has(session, [email])[email]
    query = select(Contact.id, Consent.status).outerjoin(
        Consent, (Consent.contact_id == Contact.id) & (Consent.purpose == MARKETING)
    )
    rows = session.execute(
        query.where(Contact.id.in_(ids), Contact.merged_into.is_(None)).order_by(
            Contact.created_at, Contact.id
        )
    ).all()
    subscribed = [row.id for row in rows if row.status == ConsentStatus.SUBSCRIBED]
    return next(iter([*subscribed, *(row.id for row in rows)]), None)


def _first_event(
    session: Session,
    request: SignUpRequest,
    name: str,
    properties: dict[str, Any],
    *,
    now: datetime,
) -> IncomingEvent:
    """Make the event by which a new address becomes a contact."""
    traits = {
        "email": request.email,
        "first_name": request.first_name,
        "locale": request.locale,
    }
    return IncomingEvent(
        type="track",
        name=name,
        message_id=f"sign-up/{properties['request_id']}",
        occurred_at=now,
        received_at=now,
        anonymous_id=_visitor(session, request),
        properties=properties,
        traits={key: value for key, value in traits.items() if value},
    )


def _visitor(session: Session, request: SignUpRequest) -> str:
    """Name the visitor who signs up: the shop's own name, unless that is somebody known already."""
    named = request.anonymous_id
    if named and session.get(Identity, (IdentityKind.ANONYMOUS_ID, named)) is None:
        return named
    return f"sign-up/{key_of_address(request.email)}"


def _was_just_asked(session: Session, contact_id: str, *, now: datetime) -> bool:
    asked = select(func.count(), func.max(ContactEvent.received_at)).where(
        ContactEvent.contact_id == contact_id,
        ContactEvent.name == EMAIL_CONFIRMATION_REQUESTED,
        ContactEvent.received_at > now - timedelta(days=1),
    )
    count, newest = session.execute(asked).one()
    return count >= ASKED_PER_DAY_MAX or (newest is not None and newest > now - ASKED_AGAIN_AFTER)
