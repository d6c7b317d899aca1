"""One message that waits, as it would leave now: the very e-mail, for whoever is to approve it."""

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from sqlalchemy.orm import Session

from sekvens.approvals.waiting import Group
from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.publish import pinned_flow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.errors import SekvensError, TemplateError
from sekvens.flows.steps import Send
from sekvens.messages import templates
from sekvens.messages.envelope import Envelope
from sekvens.messages.tables import Message


class NoSuchMessage(SekvensError):
    """No message has this id, or there is nothing to show of it."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The text of an e-mail, without its recipient."""

    contact_id: str
    subject: str
    text: str


def order_of(session: Session, message: Message, *, now: datetime) -> SendInput:
    """Write the order to send a message again, as its workflow would; `now` is shop time.

    Raises:
        NoSuchMessage: its step is none of its flow's any more.
    """
    graph = pinned_flow(session, message.flow, message.flow_version).graph
    step = graph.steps.get(message.step_id)
    if not isinstance(step, Send):
        raise NoSuchMessage(f"{message.flow} v{message.flow_version} has no {message.step_id}")
    enrollment = session.get_one(Enrollment, message.enrollment_id)
    return SendInput(
        enrollment_id=message.enrollment_id,
        contact_id=message.contact_id,
        flow=message.flow,
        flow_version=message.flow_version,
        step_id=step.id,
        template=message.template,
        template_digest=message.template_digest,
        purpose=message.purpose,
        now=now,
        due_at=now,
        started_at=enrollment.started_at,
        offer=step.offer,
        next_step=graph.following[step.id],
        second_subject=step.has_second_subject,
        past_cap=step.past_cap,
    )


def subject_of(session: Session, group: Group, *, locale: str) -> str:
    """Read the subject of messages that wait, as it is written in a locale, or in another.

    It is `-` where none can be read: what shows the group then tells why, and others are shown.
    """
    try:
        sources = templates.load(session, group.template_digest).sources
    except TemplateError:
        return "-"
    source = sources.get(locale) or next(iter(sources.values()))
    lines = (line.partition(":") for line in source.splitlines())
    return next((said.strip() for key, _, said in lines if key == "subject"), "-")


def show(database: Database, envelope: Envelope, message_id: str, *, now: datetime) -> Shown:
    """Make the e-mail of a message as it would leave at `now` (shop time), and send nothing.

    What it promises is claimed for the enrollment, as it is when it leaves.

    Raises:
        NoSuchMessage: there is none of this id, or nobody to write to.
        TemplateError: it cannot be made.
    """
    with database.read() as session:
        message = session.get(Message, message_id)
        if message is None:
            raise NoSuchMessage(f"no message {message_id!r}: `starter.py approve` names some")
        order = order_of(session, message, now=now)
        contact = session.get_one(Contact, canonical_id(session, message.contact_id))
        recipient = contact.email
    if not recipient:
        raise NoSuchMessage(f"contact {message.contact_id} has no address any more")
    raw = envelope.fill(order, message_id, recipient).raw
    mail: EmailMessage = email.message_from_bytes(raw, policy=email.policy.default)
    text = mail.get_body(("plain",))
    return Shown(
        contact_id=message.contact_id,
        subject=str(mail["Subject"]),
        text=text.get_content() if text is not None else "",
    )
