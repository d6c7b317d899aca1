"""Reviews taken over from a file: our own columns, or an export of Judge.me, Loox or Yotpo.

The same file twice changes nothing, and nothing that is imported is shown before somebody has
approved it. Addresses in a file are never read: whose review it is stays unknown.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import BinaryIO, Final

from sqlalchemy import select

from sekvens.contacts.traits import normal_locale
from sekvens.db.session import Database
from sekvens.events.facts import chunks
from sekvens.flows.keys import key_of
from sekvens.imports.outcome import Imported, Rejected
from sekvens.imports.rows import Row, read_rows
from sekvens.imports.values import instant_of
from sekvens.reviews.author import author_name
from sekvens.reviews.fold import replace
from sekvens.reviews.reading import rating_of, review_id_of, text_of
from sekvens.reviews.tables import Review, ReviewSource, ReviewState

#: Reviews of one transaction.
BATCH: Final = 500
#: What exports call a column, ours first.
_PRODUCT: Final = ("product_id", "product_handle", "handle", "sku", "product_sku", "productid")
_AUTHOR: Final = (
    *(
        "author",
        "reviewer_name",
        "reviewer_display_name",
        "nickname",
        "display_name",
        "user_name",
        "name",
        "customer_name",
    ),
)
_RATING: Final = ("rating", "review_score", "score", "stars", "review_rating")
_TEXT: Final = ("text", "body", "review", "review_content", "content", "review_body", "review_text")
_LOCALE: Final = ("locale", "language", "review_language")
_DATE: Final = ("date", "review_date", "created_at", "date_created", "datecreated", "written_on")
_ID: Final = ("review_id", "id", "metaobject_handle")
#: Dates as spreadsheets write them; with the month first only where the day cannot be meant.
_DATE_FORMATS: Final = ("%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S UTC")


def read_reviews(
    file: BinaryIO, *, known: Collection[str], now: datetime
) -> Iterator[Review | Rejected]:
    """Read a file's reviews as a stream.

    Args:
        file: The file, opened in binary mode.
        known: The ids of products. Where a row has several ids, one of these is meant.
        now: Wall time.

    Raises:
        UnreadableFile: it is no table of values with a header.
    """
    for row in read_rows(file):
        yield _review(row, known, now) if isinstance(row, Row) else row


def import_reviews(
    database: Database, reviews: Iterable[Review | Rejected], *, approved: bool = False
) -> Imported:
    """Take over reviews, some hundred in each transaction.

    Args:
        database: Where reviews are kept.
        reviews: What was read from the file, the rejected too.
        approved: Somebody has read them where they come from; new ones may be shown at once.

    Raises:
        UnreadableFile: the file is broken; what stands before that place has been taken over.
    """
    rejected: list[Rejected] = []
    tally = [0, 0, 0]  # added, changed, unchanged
    accepted = _accepted(reviews, rejected)
    while some := list(islice(accepted, BATCH)):
        for place, number in enumerate(_take_over(database, some, approved=approved)):
            tally[place] += number
    return Imported(
        rows=sum(tally) + len(rejected),
        added=tally[0],
        changed=tally[1],
        unchanged=tally[2],
        rejected=tuple(rejected),
    )


def _accepted(reviews: Iterable[Review | Rejected], rejected: list[Rejected]) -> Iterator[Review]:
    for review in reviews:
        if isinstance(review, Rejected):
            rejected.append(review)
        else:
            yield review


def _take_over(
    database: Database, reviews: list[Review], *, approved: bool
) -> tuple[int, int, int]:
    added = changed = 0
    with database.write() as session:
        known: dict[str, Review] = {}
        for some in chunks({review.id for review in reviews}):
            rows = session.scalars(select(Review).where(Review.id.in_(some)))
            known |= {row.id: row for row in rows}
        for review in reviews:
            row = known.get(review.id)
            if row is None:
                review.state = ReviewState.APPROVED if approved else ReviewState.PENDING
                session.add(review)
                known[review.id] = review
                added += 1
            elif review.written_on >= row.written_on:
                changed += replace(row, review)
    return added, changed, len(reviews) - added - changed


def _review(row: Row, known: Collection[str], now: datetime) -> Review | Rejected:
    product_id, rating = _product(row, known), rating_of(row.get(*_RATING))
    text, date = text_of(row.get(*_TEXT)), row.get(*_DATE)
    written_on = _instant(date)
    if not product_id:
        return Rejected(line=row.line, reason="product_id is missing")
    if rating is None:
        return Rejected(line=row.line, reason="rating is no number from 1 to 5")
    if text is None:
        return Rejected(line=row.line, reason="text is missing")
    if written_on is None:
        return Rejected(line=row.line, reason="date is missing, or is no date such as 2026-11-30")
    author = author_name(row.get(*_AUTHOR))
    return Review(
        id=review_id_of(row.get(*_ID), product_id, author, text, date),
        product_id=product_id,
        author=author,
        rating=rating,
        text=text,
        locale=normal_locale(row.get(*_LOCALE)),
        written_on=written_on,
        source=ReviewSource.IMPORT,
        state=ReviewState.PENDING,
        changed_at=now,
    )


def _product(row: Row, known: Collection[str]) -> str:
    """Tell which product is meant: Shopify's own number of it may be no id of ours."""
    named = [key_of(value) for name in _PRODUCT if (value := row.get(name))]
    return next((one for one in named if one in known), named[0] if named else "")


def _instant(text: str) -> datetime | None:
    found = instant_of(text)
    for written in () if found else _DATE_FORMATS:
        try:
            found = datetime.strptime(text, written).replace(tzinfo=UTC)
        except ValueError:
            continue
        return found if instant_of(found.isoformat()) else None
    return found
