"""Two contacts turn out to be one person: the younger is merged into the older.

Nothing that was said is lost, and the stricter consent stays, for each purpose. Workflow ids never
change: the enrollments, messages and deliveries of the younger keep its id, and `merged_into` leads
from there. Where both were in one flow, `sekvens.enrollments.leaving` lets the younger passage go.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sekvens.contacts.consent import stricter
from sekvens.contacts.suppression import key_of_address, suppress
from sekvens.contacts.tables import (
    Consent,
    ConsentChange,
    ConsentStatus,
    Contact,
    Identity,
    Suppression,
    SuppressionReason,
)
from sekvens.events.tables import Cart, ContactEvent, OpenCase, Order, OutboxEntry, Visit
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review

#: These are about the person; a bounce is about the mailbox, and inactivity ends.
_SAID_BY_SOMEBODY: Final = (SuppressionReason.COMPLAINT, SuppressionReason.MANUAL)


def older_first(a: Contact, b: Contact) -> tuple[Contact, Contact]:
    """Tell which of two contacts stays, and which is merged into it."""
    first, second = sorted((a, b), key=lambda contact: (contact.created_at, contact.id))
    return first, second


def merge(session: Session, *, winner: Contact, loser: Contact, now: datetime) -> None:
    """Give the winner everything of the loser's that is not folded from events.

    Carts, cases and orders are not carried over: the caller folds them again from the events,
    which are the winner's now.
    """
    for table in (Identity, ContactEvent, Visit, ConsentChange, OutboxEntry, Review):
        session.execute(
            update(table).where(table.contact_id == loser.id).values(contact_id=winner.id)
        )
    for folded in (Cart, OpenCase, Order, OrderLine):
        session.execute(delete(folded).where(folded.contact_id == loser.id))
    session.execute(
        # Who was merged into the loser is the winner now: one hop always finds the contact.
        update(Contact).where(Contact.merged_into == loser.id).values(merged_into=winner.id)
    )
    _merge_consent(session, winner.id, loser.id)
    emails = [each.email for each in (winner, loser) if each.email is not None]
    _merge_traits(winner, loser)
    if winner.email is not None:
        _carry_over(session, emails, winner.email)
    rests = [at for at in (winner.rests_until, loser.rests_until) if at is not None]
    winner.rests_until = max(rests, default=None)
    winner.suppression_owed = _stricter_debt(winner.suppression_owed, loser.suppression_owed)
    loser.suppression_owed = None
    loser.merged_into = winner.id
    winner.updated_at = loser.updated_at = now


def _merge_consent(session: Session, winner_id: str, loser_id: str) -> None:
    found: Sequence[Consent] = session.scalars(
        select(Consent).where(Consent.contact_id.in_((winner_id, loser_id)))
    ).all()
    for purpose in sorted({consent.purpose for consent in found}):
        both = [consent for consent in found if consent.purpose == purpose]
        _merge_purpose(session, winner_id, loser_id, both)


def _merge_purpose(
    session: Session, winner_id: str, loser_id: str, found: Sequence[Consent]
) -> None:
    """Let the stricter of two consents stand; where that is not the winner's own, say whence."""
    purpose, status = found[0].purpose, ConsentStatus(found[0].status)
    for consent in found:
        status = stricter(status, ConsentStatus(consent.status))
    changed_at = max(consent.changed_at for consent in found if consent.status == status)
    mine = next((consent for consent in found if consent.contact_id == winner_id), None)
    is_news = mine is None or mine.status != status
    if mine is None:
        mine = Consent(contact_id=winner_id, purpose=purpose)
        session.add(mine)
    mine.status, mine.changed_at = status, changed_at
    if is_news:
        session.add(
            ConsentChange(
                contact_id=winner_id,
                purpose=purpose,
                status=status,
                at=changed_at,
                source="merge",
                event_id=loser_id,
            )
        )
    for consent in found:
        if consent is not mine:
            session.delete(consent)


def _carry_over(session: Session, emails: Sequence[str], stands: str) -> None:
    """Let a person's no hold for the address that stands, whichever of theirs it was said of.

    A mailbox that does not exist says nothing of another one.
    """
    keys = [key_of_address(email) for email in emails]
    query = select(Suppression).where(
        Suppression.address_hash.in_(keys), Suppression.reason.in_(_SAID_BY_SOMEBODY)
    )
    for row in session.scalars(query.order_by(Suppression.at)).all():
        reason = SuppressionReason(row.reason)
        suppress(session, stands, reason=reason, at=row.at, source=row.source)


def _stricter_debt(
    mine: dict[str, Any] | None, theirs: dict[str, Any] | None
) -> dict[str, Any] | None:
    if mine is None or theirs is None:
        return mine or theirs
    return theirs if mine["reason"] == SuppressionReason.INACTIVE else mine


def _merge_traits(winner: Contact, loser: Contact) -> None:
    traits, told = dict(winner.traits), dict(winner.traits_at)
    for name, at in loser.traits_at.items():
        if name in told and datetime.fromisoformat(told[name]) >= datetime.fromisoformat(at):
            continue
        told[name] = at
        if name in loser.traits:
            traits[name] = loser.traits[name]
        else:
            traits.pop(name, None)
        if name == "email":
            winner.email = loser.email
            traits.pop("email_unusable", None)
            if "email_unusable" in loser.traits:
                traits["email_unusable"] = True
        elif name in ("first_name", "last_name", "locale", "timezone", "country"):
            setattr(winner, name, getattr(loser, name))
    winner.traits, winner.traits_at = traits, told
