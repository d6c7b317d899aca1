"""The audit log: who did what on the dashboard."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy.orm import Session

from sekvens.staff import audit
from sekvens.web.dashboard.asked import ID_DIGITS, Asked, House
from sekvens.web.dashboard.page import Page

SHOWN: Final = 50


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List a page of entries, newest first, and tell where the next one begins."""
    before = asked.number("before", digits=ID_DIGITS)
    found = audit.newest(session, before=before, most=SHOWN + 1)
    entries = found[:SHOWN]
    return {"entries": entries, "older": entries[-1].id if len(found) > SHOWN else None}


LOG = Page(path="/staff/audit", name="audit", section="audit", show=show)
