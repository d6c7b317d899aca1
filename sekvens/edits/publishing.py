"""Publishing edits: another version of each flow that sends the e-mail, as `flows publish` makes.

Those under way keep what they are pinned to, unless the policy says otherwise. What is published
was examined as it is, and is what its publisher had before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.edits.drafting import (
    NOTE_CHARACTERS_MAX,
    EditConflict,
    NothingToPublish,
    is_behind,
    live_text,
    with_text,
)
from sekvens.edits.examining import Examiner, findings
from sekvens.edits.live import live_email
from sekvens.edits.tables import Edit
from sekvens.enrollments.publish import Change
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.enrollments.versions import publish_templates
from sekvens.errors import SekvensError
from sekvens.flows.moving import Policy
from sekvens.messages.templates import StoredTemplate, keep


class HasFaults(SekvensError):
    """The edited e-mail has faults, and a published version keeps them for ever: mend them."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All unpublished edits of one e-mail, and the template that they make."""

    template: StoredTemplate
    keys: tuple[str, ...]
    flows: tuple[str, ...]  #: those that send it
    seen: str  #: the digest of that template: what a publisher had before them


def ready(session: Session, name: str) -> Ready:
    """Put all unpublished edits of an e-mail together.

    Raises:
        NothingToPublish: there are none.
        EditConflict: a text was published anew since its edit was begun.
        NotLive: no live flow sends the e-mail.
    """
    email = live_email(session, name)
    template = email.template
    edits = _unpublished(session, name)
    if not edits:
        raise NothingToPublish(f"{name} has no unpublished edit")
    for edit in edits:
        if is_behind(edit, live_text(email, edit.key)):
            raise EditConflict(
                f"{name} ({edit.key}) has been published anew since this edit was begun: open it, "
                "look at what has changed, and say that yours is to stand"
            )
        template = with_text(template, edit.key, edit.text)
    return Ready(
        template=template,
        keys=tuple(edit.key for edit in edits),
        flows=tuple(sorted(flow.flow.name for flow in email.flows)),
        seen=template.digest,
    )


def publish(
    database: Database,
    examiner: Examiner,
    name: str,
    *,
    seen: str,
    author: str,
    note: str,
    now: datetime,
    policy: Policy = Policy.FINISH_OLD,
) -> Sequence[str]:
    """Publish all unpublished edits of an e-mail; tells the versions, as `welcome v5`.

    Args:
        database: where they are.
        examiner: finds their faults.
        name: the e-mail.
        seen: `Ready.seen`, as the publisher had it before them.
        author: the staff account of the publisher.
        note: why; kept with the versions.
        now: wall time.
        policy: what the versions do to those under way.

    Raises:
        HasFaults: it says what it may not, or cannot be made for somebody.
        EditConflict, NothingToPublish: it is not what was seen.
    """
    with database.read() as session:
        email = live_email(session, name)
        before = ready(session, name)
        faults = findings(examiner, email, before.template, before.keys)
    if faults:
        raise HasFaults("; ".join(faults))
    with database.write() as session:
        return _publish(
            session, name, seen=seen, now=now,
            change=Change(policy=policy, author=author, note=note[:NOTE_CHARACTERS_MAX] or None),
        )  # fmt: skip


def _publish(
    session: Session, name: str, *, seen: str, change: Change, now: datetime
) -> Sequence[str]:
    for edit in _unpublished(session, name):
        take_turn(session, Turn.EDIT, f"{name}.{edit.key}")
    # Also before it is looked at what is live: nobody publishes another text in between.
    for flow in sorted(flow.flow.name for flow in live_email(session, name).flows):
        take_turn(session, Turn.PUBLISH, flow)
    found = ready(session, name)
    if found.seen != seen:
        raise EditConflict(f"{name} has been edited since you looked at it: look at it again")
    digest = keep(session, found.template, now=now)
    versions = [
        publish_templates(session, flow, {name: digest}, change=change, now=now)
        for flow in found.flows
    ]
    named = [f"{version.flow} v{version.version}" for version in versions]
    for edit in _unpublished(session, name):
        edit.published_at, edit.versions, edit.note = now, named, change.note
    return named


def _unpublished(session: Session, name: str) -> Sequence[Edit]:
    query = select(Edit).where(Edit.template == name, Edit.published_at.is_(None))
    return session.scalars(query.order_by(Edit.key)).all()
