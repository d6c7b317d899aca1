"""Reviews, folded from `Product Reviewed`: the newest word of each counts.

Whatever changes what a review says makes it pending again, so that nothing is shown unread.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.contacts.traits import normal_locale
from sekvens.events.facts import Fact, chunks
from sekvens.flows.keys import key_of
from sekvens.reviews.reading import rating_of, review_id_of, text_of
from sekvens.reviews.tables import Review, ReviewSource, ReviewState


def fold(
    session: Session, facts: Sequence[Fact], *, contacts: Mapping[str, Contact], now: datetime
) -> None:
    """Fold reviews, the oldest first; one without product, rating or text is none. `now`: wall."""
    read = [review for fact in facts if (review := _read(fact, contacts, now)) is not None]
    known: dict[str, Review] = {}
    for some in chunks({review.id for review in read}):
        known |= {row.id: row for row in session.scalars(select(Review).where(Review.id.in_(some)))}
    for review in read:
        row = known.get(review.id)
        if row is None:
            session.add(review)
            known[review.id] = review
        elif review.written_on >= row.written_on:
            replace(row, review)


def replace(row: Review, review: Review) -> bool:
    """Put a newer word of a review into its row; tell whether it says anything else."""
    said = (row.product_id, row.rating, row.text)
    row.contact_id = review.contact_id or row.contact_id
    row.written_on, row.locale = review.written_on, review.locale or row.locale
    if said == (review.product_id, review.rating, review.text):
        return False
    row.product_id, row.rating, row.text = review.product_id, review.rating, review.text
    row.state, row.changed_at = ReviewState.PENDING, review.changed_at
    return True


def _read(fact: Fact, contacts: Mapping[str, Contact], now: datetime) -> Review | None:
    posted = fact.properties
    product_id, rating = posted.get("product_id"), rating_of(posted.get("rating"))
    text = text_of(posted.get("review_body"))
    if not product_id or not isinstance(product_id, str | int) or rating is None or text is None:
        return None
    contact = contacts.get(fact.contact_id)
    return Review(
        id=review_id_of(posted.get("review_id"), fact.message_id),
        product_id=key_of(product_id),
        contact_id=fact.contact_id,
        rating=rating,
        text=text,
        locale=normal_locale(posted.get("locale")) or (contact.locale if contact else None),
        written_on=fact.occurred_at,
        source=ReviewSource.PRODUCT_REVIEWED,
        state=ReviewState.PENDING,
        changed_at=now,
    )
