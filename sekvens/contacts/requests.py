"""What people, by way of their shop's platform, ask for under the law of privacy.

A request to be forgotten is carried out in the transaction that records it. One to be told what is
known stays open until a person has answered it; so does a shop's to forget everything, which no
machine should do on its own. No row says who it was but by our own id.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from sekvens.contacts.aliases import canonical
from sekvens.contacts.tables import Contact, Identity, IdentityKind
from sekvens.db.base import Base, new_id

_log = logging.getLogger(__name__)


class RequestKind(StrEnum):
    """What was asked for."""

    ERASURE = "erasure"  #: to be forgotten
    EXPORT = "export"  #: to be told what is known of them
    SHOP_ERASURE = "shop erasure"  #: the platform wants everything of a shop forgotten


class PrivacyRequest(Base):
    """A request, and when it was answered. Times are wall time."""

    __tablename__ = "privacy_requests"

    id: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(index=True)  #: the same however often it is posted
    source: Mapped[str]  #: the platform that it came by
    kind: Mapped[str]  #: `RequestKind`
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"))
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


def whom(session: Session, user_ids: Collection[str], email: str | None) -> list[str]:
    """Find the contacts that a request is about: by their names, and by their address."""
    named = select(Identity.contact_id).where(
        Identity.kind == IdentityKind.USER_ID, Identity.value.in_(sorted(user_ids))
    )
    found = set(session.scalars(named))
    if email is not None:
        found |= set(session.scalars(select(Contact.id).where(Contact.email == email)))
    return sorted(set(canonical(session, found).values()))


def is_known(session: Session, request_id: str) -> bool:
    """Tell whether a request has been recorded before."""
    query = select(PrivacyRequest.id).where(PrivacyRequest.request_id == request_id).limit(1)
    return session.scalar(query) is not None


def record(
    session: Session,
    *,
    request_id: str,
    source: str,
    kind: RequestKind,
    contact_ids: Sequence[str],
    now: datetime,
) -> None:
    """Record a request; what nobody has to do is done. `now` is wall time."""
    about: Sequence[str | None] = contact_ids or [None]
    for contact_id in about:
        nothing_known = contact_id is None and kind is not RequestKind.SHOP_ERASURE
        is_done = kind is RequestKind.ERASURE or nothing_known
        request = PrivacyRequest(
            id=new_id("pr"),
            request_id=request_id,
            source=source,
            kind=kind,
            contact_id=contact_id,
            asked_at=now,
            done_at=now if is_done else None,
        )
        session.add(request)
        if not is_done:
            _log.warning(
                "request %s for %s waits for a person: `starter.py contacts requests`",
                request.id,
                kind.value,
                extra={"action": "privacy_request_open", "contact_id": contact_id or "-"},
            )


def open_requests(session: Session) -> Sequence[PrivacyRequest]:
    """List the requests that wait for a person, the oldest first."""
    query = select(PrivacyRequest).where(PrivacyRequest.done_at.is_(None))
    return session.scalars(query.order_by(PrivacyRequest.asked_at, PrivacyRequest.id)).all()


def answered(session: Session, *, limit: int) -> Sequence[PrivacyRequest]:
    """List the requests that have been answered, the newest first."""
    query = select(PrivacyRequest).where(PrivacyRequest.done_at.is_not(None))
    newest = query.order_by(PrivacyRequest.done_at.desc(), PrivacyRequest.id).limit(limit)
    return session.scalars(newest).all()


def finish(session: Session, request: str, *, now: datetime) -> bool:
    """Record that a person has answered a request; False if there is none open of this id."""
    row = session.get(PrivacyRequest, request)
    if row is None or row.done_at is not None:
        return False
    row.done_at = now
    return True
