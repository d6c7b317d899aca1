"""Editing an e-mail's text: kept as it is typed, shown beside, with what is wrong with it.

What is kept here reaches nobody before it is published. A text is only kept from a form of whoever
is logged in, and never over one that they have not seen.
"""

from collections.abc import Mapping
from difflib import unified_diff

from sqlalchemy.orm import Session

from sekvens.edits import drafting, publishing
from sekvens.edits.drafting import EditConflict, NothingToPublish, text_digest, unpublished
from sekvens.edits.examining import Examiner, findings
from sekvens.edits.tables import Edit
from sekvens.staff.tables import Role
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.email_asked import EmailAsked, email_asked
from sekvens.web.dashboard.emails import of
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.reasons import Reasons


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """Keep the text that was posted, if one was, and find what its page shows."""
    before = email_asked(session, asked, is_edit=True)
    if before is None:
        return None
    conflict = _kept(house, asked, before)
    with house.database.read() as fresh:  # it sees what has just been kept
        found = email_asked(fresh, asked, is_edit=True)
        assert found is not None  # nobody takes a text out of an e-mail  # noqa: S101
        edit = unpublished(fresh, found.email.name, found.key)
        live = found.email.template.sources[found.key]
        text = edit.text if edit else live
        return {
            **of(house, fresh, asked, found),
            "source": asked.query["source"] if conflict else text,
            # Whose text was refused has still seen what they saw.
            "seen": asked.query.get("seen", "") if conflict else text_digest(text),
            "conflict": conflict,
            "edit": edit,
            "findings": _findings(house, asked, found, edit),
            "behind": _behind(asked, edit, live),
            "live_digest": text_digest(live),
            "ready": _ready(fresh, found),
        }


def _kept(house: House, asked: Asked, found: EmailAsked) -> str:
    """Keep a posted text; tells why it was not, if it was not."""
    text = asked.query.get("source")
    if text is None or not asked.is_posted:
        return ""
    try:
        with house.database.write() as session:
            drafting.save(
                session,
                found.email.name,
                found.key,
                text,
                seen=asked.query.get("seen", ""),
                author=asked.who.name,
                now=asked.now,
            )
    except EditConflict as error:
        return Reasons(asked.language).sentence.plain(str(error))
    return ""


def _findings(house: House, asked: Asked, found: EmailAsked, edit: Edit | None) -> list[str]:
    if edit is None:
        return []
    examiner = Examiner(settings=house.settings, now=asked.now)
    return findings(examiner, found.email, found.template, [found.key])


def _behind(asked: Asked, edit: Edit | None, live: str) -> str:
    """Tell how an edit differs from a text that was published since it was begun; or nothing."""
    if edit is None or not drafting.is_behind(edit, live):
        return ""
    names = asked.t.its_live, asked.t.its_edit
    lines = unified_diff(live.splitlines(), edit.text.splitlines(), *names, lineterm="")
    return "\n".join(lines)


def _ready(session: Session, found: EmailAsked) -> publishing.Ready | None:
    try:
        return publishing.ready(session, found.email.name)
    except (EditConflict, NothingToPublish):
        return None


EMAIL_EDIT = Page(
    path="/staff/emails/{flow}/{step}/edit",
    name="email_edit",
    section="emails",
    show=show,
    role=Role.EDITOR,
    posted=True,
)
