"""Two contacts turn out to be one person: the younger is merged into the older.

Nothing that was said is lost, and the stricter consent stays, for each purpose. Workflow ids never
change: the enrollments, messages and deliveries of the younger keep its id, and `merged_into` leads
from there. Where both were in one flow, `sekvens.enrollments.leaving` lets the younger passage go.
"""

from collections import defaultdict
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
    LegalBasis,
    Preferences,
    Suppression,
    SuppressionReason,
)
from sekvens.events.tables import Cart, ContactEvent, OpenCase, Order, OutboxEntry, Visit
from sekvens.experiments.drawing import merge_draws
from sekvens.notices.noting import note_consent
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review
from sekvens.segments.tables import ContactSummary, SegmentMembership

#: The source of a notice that two contacts are one, and share the stricter consent.
MERGED: Final = "merge"
#: These are about the person; a bounce is about the mailbox, and inactivity ends.
_SAID_BY_SOMEBODY: Final = (SuppressionReason.COMPLAINT, SuppressionReason.MANUAL)


def older_first(a: Contact, b: Contact) -> tuple[Contact, Contact]:
    """Tell which of two contacts stays, and which is merged into it."""
    first, second = sorted((a, b), key=lambda contact: (contact.created_at, contact.id))
    return first, second


def merge(session: Session, *, winner: Contact, loser: Contact, now: datetime) -> None:
    """Give the winner everything of the loser's that is not folded from events.

    Carts, cases, orders and the summary are not carried over: the caller folds them again from the
    events, which are the winner's now.
    """
    for table in (Identity, ContactEvent, Visit, ConsentChange, OutboxEntry, Review):
        session.execute(
            update(table).where(table.contact_id == loser.id).values(contact_id=winner.id)
        )
    for folded in (Cart, OpenCase, Order, OrderLine, ContactSummary):
        session.execute(delete(folded).where(folded.contact_id == loser.id))
    session.execute(
        # Who was merged into the loser is the winner now: one hop always finds the contact.
        update(Contact).where(Contact.merged_into == loser.id).values(merged_into=winner.id)
    )
    _merge_consent(session, winner.id, loser.id)
    _merge_preferences(session, winner.id, loser.id)
    _merge_memberships(session, winner.id, loser.id)
    merge_draws(session, winner_id=winner.id, loser_id=loser.id)
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
    """Let the stricter word of the two stand, for each purpose and each topic by itself."""
    both = select(Consent).where(Consent.contact_id.in_((winner_id, loser_id)))
    by_purpose: defaultdict[str, list[Consent]] = defaultdict(list)
    for consent in session.scalars(both):
        by_purpose[consent.purpose].append(consent)
    for purpose, found in by_purpose.items():
        _merge_words(session, winner_id, loser_id, purpose, found)


def _merge_words(
    session: Session, winner_id: str, loser_id: str, purpose: str, found: Sequence[Consent]
) -> None:
    """Let the stricter of two consents stand; where that is not the winner's own, say whence."""
    status = ConsentStatus(found[0].status)
    for consent in found:
        status = stricter(status, ConsentStatus(consent.status))
    # Where both words are the same, what the contact said themselves is the basis.
    counts = max(
        (consent for consent in found if consent.status == status),
        key=lambda consent: (consent.basis == LegalBasis.CONSENT, consent.changed_at),
    )
    mine = next((consent for consent in found if consent.contact_id == winner_id), None)
    is_news = mine is None or mine.status != status
    if mine is None:
        mine = Consent(contact_id=winner_id, purpose=purpose)
        session.add(mine)
    # Heard by whoever knew one of the two by another word.
    is_told = len(found) == 1 or found[0].status != found[1].status
    mine.status, mine.changed_at = status, counts.changed_at
    mine.basis, mine.order_id = counts.basis, counts.order_id
    if is_news:
        session.add(
            ConsentChange(
                contact_id=winner_id,
                purpose=purpose,
                status=status,
                at=counts.changed_at,
                source=MERGED,
                event_id=loser_id,
                basis=counts.basis,
                order_id=counts.order_id,
            )
        )
    for consent in found:
        if consent is not mine:
            session.delete(consent)
    if is_told:
        note_consent(
            session,
            contact_id=winner_id,
            purpose=purpose,
            status=status,
            at=counts.changed_at,
            source=MERGED,
        )


def _merge_preferences(session: Session, winner_id: str, loser_id: str) -> None:
    """Let the longer pause stand, and the wish for fewer e-mails."""
    theirs = session.get(Preferences, loser_id)
    if theirs is None:
        return
    mine = session.get(Preferences, winner_id)
    if mine is None:
        mine = Preferences(contact_id=winner_id, fewer=False, changed_at=theirs.changed_at)
        session.add(mine)
    pauses = [at for at in (mine.paused_until, theirs.paused_until) if at is not None]
    mine.paused_until = max(pauses, default=None)
    mine.fewer = mine.fewer or theirs.fewer
    mine.changed_at = max(mine.changed_at, theirs.changed_at)
    session.delete(theirs)


def _merge_memberships(session: Session, winner_id: str, loser_id: str) -> None:
    """Let the person be in the segments that either was in: an entry that was told is not again."""
    theirs = select(SegmentMembership).where(SegmentMembership.contact_id == loser_id)
    for row in session.scalars(theirs).all():
        mine = session.get(SegmentMembership, (winner_id, row.segment))
        if mine is None:
            told = {"times": row.times, "since": row.since, "until": row.until}
            session.add(SegmentMembership(contact_id=winner_id, segment=row.segment, **told))
        elif row.until is None and mine.until is not None:
            mine.times, mine.since, mine.until = mine.times + 1, row.since, None
        session.delete(row)


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
        if name == "timezone":
            winner.timezone_by = loser.timezone_by
    winner.traits, winner.traits_at = traits, told
