"""Named questions about reviews. Nothing is written, and nobody's surname or address is told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.products.queries import product_ids_of
from sekvens.products.tables import OrderLine, Product, ProductVariant
from sekvens.reviews.author import author_name
from sekvens.reviews.tables import Review, ReviewState


@dataclass(frozen=True, kw_only=True)
class ReviewFacts:
    """One review, as it may be shown. `written_on` is shop time."""

    review_id: str
    product_id: str
    author: str  #: first name and an initial at the most; empty when unknown
    rating: int  #: 1 to 5
    text: str
    locale: str | None
    written_on: datetime
    verified: bool  #: an order of its author contains the product


@dataclass(frozen=True, kw_only=True)
class ToRead:
    """A review, with what somebody goes by who decides about it."""

    review: ReviewFacts
    contact_id: str | None  #: its author, where that is known
    product: Mapping[str, str]  #: the product's title by locale; none: we do not know the product


def approved(
    session: Session,
    *,
    product_ids: Collection[str],
    limit: int,
    locale: str | None = None,
) -> tuple[ReviewFacts, ...]:
    """List reviews that may be shown: those of some products first, then by newness.

    With a locale (`sv`), reviews that are known to be in another language are left out.
    """
    own = product_ids_of(session, product_ids)
    ids = sorted({*own, *own.values()})
    variants = select(ProductVariant.id).where(ProductVariant.product_id.in_(ids))
    asked = or_(Review.product_id.in_(ids), Review.product_id.in_(variants))
    query = _reviews().where(Review.state == ReviewState.APPROVED)
    if locale is not None:
        language = locale[:2].lower()
        query = query.where(
            or_(Review.locale.is_(None), func.substr(Review.locale, 1, 2) == language)
        )
    newest = (Review.written_on.desc(), Review.id)
    return _facts(session, query.order_by(case((asked, 0), else_=1), *newest).limit(limit))


def listed(
    session: Session, *, states: Collection[ReviewState], limit: int
) -> tuple[tuple[str, ReviewFacts], ...]:
    """List reviews in any of the states, each with its own, the oldest first."""
    query = _reviews().where(Review.state.in_(sorted(states)))
    rows = session.execute(query.order_by(Review.written_on, Review.id).limit(limit))
    return tuple((row.state, _shown(row, names, verified)) for row, *names, verified in rows)


def to_read(
    session: Session, state: ReviewState, *, offset: int = 0, limit: int
) -> tuple[ToRead, ...]:
    """List reviews of one state: those pending the oldest first, others by the newest word."""
    is_pending = state is ReviewState.PENDING
    order = Review.written_on if is_pending else Review.changed_at.desc()
    query = _reviews().where(Review.state == state).order_by(order, Review.id)
    rows = session.execute(query.offset(offset).limit(limit)).all()
    own = product_ids_of(session, [row.product_id for row, *_ in rows])
    asked = select(Product.id, Product.titles).where(Product.id.in_(set(own.values())))
    titles: dict[str, dict[str, str]] = dict(session.execute(asked).all())
    return tuple(
        ToRead(
            review=_shown(row, names, verified),
            contact_id=row.contact_id,
            product=titles.get(own[row.product_id], {}),
        )
        for row, *names, verified in rows
    )


def counts_by_state(session: Session) -> dict[ReviewState, int]:
    """Count the reviews of each state; a state without one is there, too."""
    counted = select(Review.state, func.count()).group_by(Review.state)
    found = dict(session.execute(counted).all())
    return {state: found.get(state, 0) for state in ReviewState}


def pending_count(session: Session) -> int:
    """Count the reviews that nobody has read yet."""
    query = select(func.count()).select_from(Review).where(Review.state == ReviewState.PENDING)
    return session.scalar(query) or 0


def _reviews() -> Select[Review, str | None, str | None, bool]:
    """Ask for reviews, their authors' own names, and whether an order proves the purchase."""
    sold = select(ProductVariant.product_id).where(ProductVariant.id == OrderLine.product_id)
    meant = select(ProductVariant.product_id).where(ProductVariant.id == Review.product_id)
    same_product = func.coalesce(
        sold.correlate(OrderLine).scalar_subquery(), OrderLine.product_id
    ) == func.coalesce(meant.correlate(Review).scalar_subquery(), Review.product_id)
    bought = exists().where(and_(OrderLine.contact_id == Review.contact_id, same_product))
    return select(Review, Contact.first_name, Contact.last_name, bought).outerjoin(
        Contact, Contact.id == Review.contact_id
    )


def _facts(
    session: Session, query: Select[Review, str | None, str | None, bool]
) -> tuple[ReviewFacts, ...]:
    rows = session.execute(query)
    return tuple(_shown(row, names, verified) for row, *names, verified in rows)


def _shown(row: Review, names: Sequence[str | None], verified: bool) -> ReviewFacts:  # noqa: FBT001  a column
    name = " ".join(filter(None, names))
    return ReviewFacts(
        review_id=row.id,
        product_id=row.product_id,
        author=row.author if row.author is not None else author_name(name),
        rating=row.rating,
        text=row.text,
        locale=row.locale,
        written_on=row.written_on,
        verified=verified,
    )
