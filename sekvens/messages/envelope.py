"""From an order to bytes: gather the facts, compose the e-mail, assemble the MIME."""

from dataclasses import dataclass

from sekvens.contacts.aliases import canonical_id
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.errors import TemplateError
from sekvens.flows.steps import Purpose
from sekvens.messages import templates
from sekvens.messages.compose import compose
from sekvens.messages.context import Facts, gather
from sekvens.messages.templates import StoredTemplate
from sekvens.ses.mime import Mail, assemble
from sekvens.settings import ApiSettings
from sekvens.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A message as SES takes it."""

    sender: str
    recipient: str
    raw: bytes
    tags: dict[str, str]


class Envelope:
    """Makes messages for one shop."""

    def __init__(self, *, database: Database, shop: Shop, api: ApiSettings) -> None:
        self._database = database
        self._api = api
        self.shop = shop

    def fill(self, order: SendInput, message_id: str, recipient: str) -> Sealed:
        """Make the message of one step for one recipient.

        Raises:
            TemplateError: the template or a fact that it needs is missing or broken.
        """
        with self._database.read() as session:
            template = templates.load(session, order.template_digest)
            contact_id = canonical_id(session, order.contact_id)
            enrollment = session.get_one(Enrollment, order.enrollment_id)
            facts = gather(
                session,
                contact_id=contact_id,
                enrollment_id=order.enrollment_id,
                flow=order.flow,
                step_id=order.step_id,
                purpose=Purpose(order.purpose),
                offer=order.offer,
                entry_key=enrollment.entry_key,
                started_at=order.started_at,
                now=order.now,
                shop=self.shop,
                api=self._api,
                message_id=message_id,
            )
        return Sealed(
            sender=self.shop.sender.address,
            recipient=recipient,
            raw=self._written(order, template, facts, message_id, recipient),
            tags=_tags(order, message_id),
        )

    def _written(
        self,
        order: SendInput,
        template: StoredTemplate,
        facts: Facts,
        message_id: str,
        recipient: str,
    ) -> bytes:
        sender = self.shop.sender
        try:
            composed = compose(template, facts, shop=self.shop)
            mail = Mail(
                sender_name=sender.name.get(composed.locale)
                or sender.name[self.shop.default_locale],
                sender_address=sender.address,
                reply_to=sender.reply_to,
                recipient=recipient,
                subject=composed.subject,
                text=composed.text,
                html=composed.html,
                headers=_headers(facts),
                message_id=message_id,
            )
            return assemble(mail)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # A fact or a setting that nobody thought of holds this one e-mail, not the queue. The
            # error's own text may quote the fact.
            raise TemplateError(
                f"{order.flow}/{order.step_id} cannot be made for contact {order.contact_id}: "
                f"{type(error).__name__}. Look at the contact's facts and the shop's settings, "
                "then retry or skip the step"
            ) from error


def _tags(order: SendInput, message_id: str) -> dict[str, str]:
    """Tag the message: its id comes back in SES's events; flow and step go to Gmail's figures."""
    return {
        "message_id": message_id,
        "flow": order.flow,
        "step": order.step_id,
        "ses:feedback-id-a": order.flow,
        "ses:feedback-id-b": order.step_id,
    }


def _headers(facts: Facts) -> dict[str, str]:
    """Let the inbox offer its own unsubscribe button (RFC 8058), on marketing."""
    if facts.unsubscribe_url is None:
        return {}
    return {
        "List-Unsubscribe": f"<{facts.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
