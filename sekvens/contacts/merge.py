"""Two contacts turn out to be one person: the younger is merged into the older.

Nothing that was said is lost, and the stricter consent stays. Workflow ids never change: the
enrollments, messages and deliveries of the younger keep its id, and `merged_into` leads from there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING, stricter
from sekvens.contacts.tables import (
    Consent,
    ConsentChange,
    ConsentStatus,
    Contact,
    Identity,
)
from sekvens.events.tables import Cart, ContactEvent, OpenCase, Order, OutboxEntry, Visit
from sekvens.notices.noting import note_consent
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review

#: The source of a notice that two contacts are one, and share the stricter consent.
MERGED: Final = "merge"


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
    _merge_traits(winner, loser)
    rests = [at for at in (winner.rests_until, loser.rests_until) if at is not None]
    winner.rests_until = max(rests, default=None)
    winner.suppression_owed = winner.suppression_owed or loser.suppression_owed
    loser.suppression_owed = None
    loser.merged_into = winner.id
    winner.updated_at = loser.updated_at = now


def _merge_consent(session: Session, winner_id: str, loser_id: str) -> None:
    found: Sequence[Consent] = session.scalars(
        select(Consent).where(
            Consent.contact_id.in_((winner_id, loser_id)), Consent.purpose == MARKETING
        )
    ).all()
    if not found:
        return
    status = ConsentStatus(found[0].status)
    for consent in found:
        status = stricter(status, ConsentStatus(consent.status))
    changed_at = max(consent.changed_at for consent in found if consent.status == status)
    mine = next((consent for consent in found if consent.contact_id == winner_id), None)
    if mine is None:
        mine = Consent(contact_id=winner_id, purpose=MARKETING)
        session.add(mine)
    is_news = len(found) == 1 or found[0].status != found[1].status
    mine.status, mine.changed_at = status, changed_at
    for consent in found:
        if consent is not mine:
            session.delete(consent)
    if is_news:  # one of the two is told another word than theirs
        note_consent(
            session,
            contact_id=winner_id,
            purpose=MARKETING,
            status=status,
            at=changed_at,
            source=MERGED,
        )


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
