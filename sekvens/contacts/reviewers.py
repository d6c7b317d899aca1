"""Reviews of somebody who is erased: what may be shown stands as nobody's, the rest goes.

A review that says who wrote it goes, too.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.person import Person
from sekvens.reviews.tables import Review, ReviewState

#: A shorter name of a person is found in too many texts that are not about them.
_WORD_LENGTH_MIN: Final = 3


def forget_reviews(session: Session, person: Person) -> Mapping[str, int]:
    """Part a person and their reviews; count them by what became of them."""
    words = {
        word.casefold()
        for each in person.contacts
        for word in (each.email, each.first_name, each.last_name)
        if word and len(word) >= _WORD_LENGTH_MIN
    }
    told = [re.compile(rf"\b{re.escape(word)}\b") for word in words]
    counts: Counter[str] = Counter()
    for review in session.scalars(select(Review).where(Review.contact_id.in_(person.ids))):
        text = review.text.casefold()
        if review.state != ReviewState.APPROVED or any(word.search(text) for word in told):
            session.delete(review)
            counts["deleted"] += 1
        else:
            review.contact_id = review.author = None
            counts["emptied"] += 1
    session.flush()
    return counts
