"""The versions of an e-mail's texts."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from sekvens.edits.live import NotLive, live_email
from sekvens.edits.versions import changes
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """List what changed, when, by whom and why, the newest first."""
    try:
        email = live_email(session, f"{asked.path['flow']}/{asked.path['step']}")
    except NotLive:
        return None
    return {"name": email.name, "changes": changes(session, email)}


EMAIL_HISTORY = Page(
    path="/staff/emails/{flow}/{step}/history",
    name="email_history",
    section="emails",
    show=show,
)
