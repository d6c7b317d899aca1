"""What may be done with an e-mail's edited text: publish it, throw it away, send oneself a test."""

from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from sekvens.edits import drafting, publishing
from sekvens.edits.drafting import EditConflict, NothingToPublish
from sekvens.edits.examining import Examiner
from sekvens.edits.live import NotLive, live_email
from sekvens.enrollments.stranded import standing_at
from sekvens.errors import SekvensError
from sekvens.flows.moving import Policy
from sekvens.messages.trial import recipient_of, send_test
from sekvens.staff.tables import Role, StaffMember
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.email_asked import email_asked
from sekvens.web.dashboard.reasons import Reasons

_WORDS: Final = "email_edit"


def _look_at_publishing(
    policy: Policy, _house: House, session: Session, asked: Asked
) -> Prospect | Refused:
    """Tell what would be published, to how many who are under way it matters, and how."""
    name = asked.query.get("email", "")
    try:
        found = publishing.ready(session, name)
    except (EditConflict, NothingToPublish, NotLive) as error:
        return _refused(asked, error)
    if found.seen != asked.query.get("seen"):
        return Refused(says=asked.t("not_what_was_seen", email=name))
    under_way = sum(count for flow in found.flows for count in standing_at(session, flow).values())
    says = asked.t(
        f"prospect_{policy}", n=under_way, email=name, texts=", ".join(found.keys),
        flows=", ".join(found.flows),
    )  # fmt: skip
    return Prospect(says=says, count=under_way)


def _publish(policy: Policy, house: House, asked: Asked) -> str:
    """Publish it, and tell as which versions."""
    name = asked.query["email"]
    versions = publishing.publish(
        house.database,
        Examiner(settings=house.settings, now=asked.now),
        name,
        seen=asked.query.get("seen", ""),
        author=asked.who.name,
        note=asked.query.get("note", ""),
        now=asked.now,
        policy=policy,
    )
    return asked.t("published", email=name, versions=", ".join(versions))


def _look_at_discarding(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    name, key = asked.query.get("email", ""), asked.query.get("key", "")
    edit = drafting.unpublished(session, name, key)
    if edit is None:
        return Refused(says=asked.t("nothing_unpublished", email=name, key=key))
    return Prospect(says=asked.t("prospect_discard", email=name, key=key, by=edit.author), count=1)


def _discard(house: House, asked: Asked) -> str:
    name, key = asked.query["email"], asked.query["key"]
    with house.database.write() as session:
        drafting.discard(session, name, key)
    return asked.t("discarded", email=name, key=key)


def _look_at_keeping(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    name, key = asked.query.get("email", ""), asked.query.get("key", "")
    edit = drafting.unpublished(session, name, key)
    if edit is None:
        return Refused(says=asked.t("nothing_unpublished", email=name, key=key))
    return Prospect(says=asked.t("prospect_keep", email=name, key=key), count=1)


def _keep(house: House, asked: Asked) -> str:
    name, key = asked.query["email"], asked.query["key"]
    with house.database.write() as session:
        drafting.keep_over(session, name, key, over=asked.query.get("over", ""))
    return asked.t("stands", email=name, key=key)


def _look_at_test(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    name = asked.query.get("email", "")
    try:
        live_email(session, name)
    except NotLive as error:
        return _refused(asked, error)
    if email_asked(session, asked, name=name) is None:
        return Refused(says=asked.t.no_such_text)
    if session.get_one(StaffMember, asked.who.name).email is None:
        return Refused(says=asked.t("no_address", name=asked.who.name))
    return Prospect(says=asked.t("prospect_test", email=name), count=1)


def _test(house: House, asked: Asked) -> str:
    """Send a test to the account of whoever asks; it is no message, and in no ledger.

    Raises:
        SekvensError: the address may not be mailed, the e-mail cannot be made, or SES did not
            take it.
    """
    with house.database.read() as session:
        found = email_asked(session, asked, name=asked.query.get("email", ""))
        if found is None:
            raise NotLive(f"{asked.query.get('email', '')} went while it was asked for")
        made = found.made(house, session, asked)
        address = session.get_one(StaffMember, asked.who.name).email or ""
    send_test(made, recipient_of(address, house.settings), house.settings)
    return asked.t("tested", email=found.email.name)


def _refused(asked: Asked, error: SekvensError) -> Refused:
    return Refused(says=Reasons(asked.language).sentence.plain(str(error)))


def _publishing(name: str, policy: Policy) -> Action:
    return Action(
        name=name,
        words=_WORDS,
        role=Role.EDITOR,
        look=partial(_look_at_publishing, policy),
        do=partial(_publish, policy),
        on=("email", "seen"),
        fields=("note",),
    )


EMAIL_ACTIONS: Final[tuple[Action, ...]] = (
    _publishing("publish-email", Policy.FINISH_OLD),
    _publishing("publish-email-moving", Policy.MOVE_AT_NEXT_STEP),
    Action(
        name="discard-edit", words=_WORDS, role=Role.EDITOR,
        look=_look_at_discarding, do=_discard, on=("email", "key"),
    ),
    Action(
        name="keep-edit", words=_WORDS, role=Role.EDITOR,
        look=_look_at_keeping, do=_keep, on=("email", "key", "over"),
    ),
    Action(
        name="test-email", words=_WORDS, role=Role.EDITOR,
        look=_look_at_test, do=_test, on=("email", "key", "as", "text"),
    ),
)  # fmt: skip
