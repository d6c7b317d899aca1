"""Changes of consent and suppression are noted for every hook, in the change's own transaction.

Nothing is noted where no hook is set up, and nothing that changes nothing.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.db.base import new_id
from sekvens.events.tables import ContactEvent
from sekvens.notices.tables import ConsentHook, Notice, NoticeKind

SUPPRESSED: Final = "suppressed"
LIFTED: Final = "lifted"
#: Where a transaction keeps the names of the hooks: they are looked up once.
_HOOKS: Final = "sekvens_consent_hooks"


def has_hooks(session: Session) -> bool:
    """Tell whether anybody is to be told."""
    return bool(_hooks(session))


def note_consent(
    session: Session, *, contact_id: str, purpose: str, status: str, at: datetime, source: str
) -> None:
    """Note that a contact's consent has changed. `at` is shop time."""
    for hook in _hooks(session):
        session.add(
            Notice(
                hook=hook,
                webhook_id=new_id("notice"),
                contact_id=contact_id,
                kind=NoticeKind.CONSENT,
                purpose=purpose,
                status=status,
                at=at,
                source=source,
            )
        )


def note_suppression(
    session: Session,
    contact_ids: Collection[str],
    *,
    status: str,
    reason: str,
    at: datetime,
    source: str,
) -> None:
    """Note that these contacts' address is suppressed, or no longer is. `at` is shop time.

    A source that is an event's id is told as that event's own source.
    """
    hooks = _hooks(session)
    if not hooks or not contact_ids:
        return
    told = _source_of(session, source)
    for contact_id in sorted(contact_ids):
        for hook in hooks:
            session.add(
                Notice(
                    hook=hook,
                    webhook_id=new_id("notice"),
                    contact_id=contact_id,
                    kind=NoticeKind.SUPPRESSION,
                    status=status,
                    reason=reason,
                    at=at,
                    source=told,
                )
            )


def _hooks(session: Session) -> tuple[str, ...]:
    known: tuple[str, ...] | None = session.info.get(_HOOKS)
    if known is None:
        with session.no_autoflush:
            known = tuple(session.scalars(select(ConsentHook.name).order_by(ConsentHook.name)))
        session.info[_HOOKS] = known
    return known


def _source_of(session: Session, source: str) -> str:
    query = select(ContactEvent.properties).where(ContactEvent.message_id == source)
    properties = session.scalar(query)
    return source if properties is None else str(properties.get("source") or "api")[:200]
