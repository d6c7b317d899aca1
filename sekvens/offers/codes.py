"""Codes in the database: stored, made by a pattern and taken from the pool, each only once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.errors import OfferPoolEmpty, TemplateError
from sekvens.offers.patterns import key_of, write_code
from sekvens.offers.tables import CodeSource, OfferCode

#: With a million combinations, even a half used up pattern fails so often once in a million times.
ATTEMPTS_MAX: Final = 20


def store(
    session: Session,
    codes: Sequence[str],
    *,
    offer: str,
    source: CodeSource,
    contact_id: str | None = None,
    taken_at: datetime | None = None,
) -> list[OfferCode]:
    """Store those of the codes that are not there yet, and return them; repeats are left out."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    unique: dict[str, str] = {}
    for code in codes:
        unique.setdefault(key_of(code), code)
    rows = [
        {
            "offer": offer,
            "key": key,
            "code": code.strip(),
            "source": source,
            "contact_id": contact_id,
            "taken_at": taken_at,
        }
        for key, code in unique.items()
    ]
    if not rows:
        return []
    statement = insert(OfferCode).on_conflict_do_nothing(index_elements=["key"])
    return list(session.scalars(statement.returning(OfferCode), rows))


def make(
    session: Session,
    pattern: str,
    *,
    offer: str,
    source: CodeSource,
    contact_id: str | None = None,
    taken_at: datetime | None = None,
) -> OfferCode:
    """Make up a code that nobody has, and store it.

    Raises:
        TemplateError: hardly any code of the pattern is left.
    """
    for _ in range(ATTEMPTS_MAX):
        made = store(
            session,
            [write_code(pattern)],
            offer=offer,
            source=source,
            contact_id=contact_id,
            taken_at=taken_at,
        )
        if made:
            return made[0]
    raise TemplateError(
        f"the offer {offer!r} has hardly a code left of its pattern {pattern!r}; give the pattern "
        "more random characters, then retry"
    )


def take(session: Session, *, offer: str, now: datetime) -> OfferCode:
    """Take the next code out of an offer's pool, for one contact only. `now` is shop time.

    Raises:
        OfferPoolEmpty: no code is left.
    """
    # PostgreSQL passes over what another transaction is taking; SQLite has one writer at a time.
    code = session.scalars(
        select(OfferCode)
        .where(
            OfferCode.offer == offer,
            OfferCode.source == CodeSource.POOL,
            OfferCode.taken_at.is_(None),
        )
        .order_by(OfferCode.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if code is None:
        raise OfferPoolEmpty(
            f"no code is left for the offer {offer!r}: create more in the shop's checkout, import "
            f"them (starter.py offers import {offer} FILE), then retry the enrollment"
        )
    code.taken_at = now
    return code


def has_pool(session: Session, offer: str) -> bool:
    """Tell whether codes were ever stored ahead for an offer, used up or not."""
    stored = exists().where(OfferCode.offer == offer, OfferCode.source == CodeSource.POOL)
    return bool(session.scalar(select(stored)))
