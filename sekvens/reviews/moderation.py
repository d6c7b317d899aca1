"""What somebody at the shop decides about reviews."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.errors import SekvensError
from sekvens.reviews.tables import Review, ReviewState


class UnknownReview(SekvensError):
    """No review has this id. `starter.py reviews list` shows those that are known."""


def undecided(
    session: Session, review_ids: Collection[str], *, state: ReviewState, seen_at: datetime
) -> list[str]:
    """Name those of some reviews that are not in a state yet, and say what they said `seen_at`.

    What its author has changed since then (wall time), nobody has read.
    """
    query = select(Review.id).where(
        Review.id.in_(review_ids), Review.state != state, Review.changed_at <= seen_at
    )
    return list(session.scalars(query.order_by(Review.id)))


def moderate(
    session: Session, review_ids: Sequence[str], *, state: ReviewState, now: datetime
) -> int:
    """Approve or reject reviews; tell how many were not so before. `now` is wall time.

    Raises:
        UnknownReview: one of them is not there; then nothing is changed.
    """
    changed = 0
    for review_id in review_ids:
        row = session.scalars(select(Review).where(Review.id == review_id)).one_or_none()
        if row is None:
            raise UnknownReview(
                f"no review has the id {review_id!r}, and none was changed: "
                "`starter.py reviews list` shows those known"
            )
        if row.state != state:
            row.state, row.changed_at = state, now
            changed += 1
    return changed
