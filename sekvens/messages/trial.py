"""A test of an e-mail, sent through SES to whoever works on it: no message, and in no ledger."""

import time

from sekvens.db.base import new_id
from sekvens.errors import SekvensError
from sekvens.messages.addresses import usable
from sekvens.messages.compose import Composed
from sekvens.messages.gate import is_allowed
from sekvens.ses.client import SesClient
from sekvens.ses.mime import Mail, assemble
from sekvens.settings import Settings


class NotOnTheAllowList(SekvensError):
    """Outside production only addresses on the allow-list are mailed."""


class NoAddress(SekvensError):
    """This is no address that SES takes."""


def recipient_of(address: str, settings: Settings) -> str:
    """Tell an address as SES takes it; outside production it must be on the allow-list.

    Raises:
        NoAddress: it is none.
        NotOnTheAllowList: it may not be mailed.
    """
    recipient = usable(address)
    if recipient is None:
        raise NoAddress("this is no address that SES takes")
    if not settings.sending.production and not is_allowed(recipient, settings.sending):
        raise NotOnTheAllowList(
            "the address is not on the allow-list, and sending.production is false: add it to "
            "sending.allow_list (SEKVENS_SENDING__ALLOW_LIST)"
        )
    return recipient


def send_test(composed: Composed, recipient: str, settings: Settings) -> str:
    """Send a test to an address (`recipient_of`), and tell the id under which SES took it.

    Raises:
        NotSent: SES did not take it.
        OutcomeUnknown: its answer was lost.
    """
    sender = settings.shop.sender
    mail = Mail(
        sender_name=sender.name.get(composed.locale) or next(iter(sender.name.values())),
        sender_address=sender.address,
        reply_to=sender.reply_to,
        recipient=recipient,
        subject=f"[Test] {composed.subject}",
        text=composed.text,
        html=composed.html,
    )
    return SesClient(settings.ses).send(
        raw=assemble(mail),
        sender=sender.address,
        recipient=recipient,
        tags={"message_id": new_id("test")},
        deadline=time.monotonic() + 5,
    )
