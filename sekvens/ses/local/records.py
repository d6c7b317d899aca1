"""SES's event records, all ten types, as SNS brings them.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesHeaderParser
from types import MappingProxyType
from typing import Any, Final, Protocol

ACCOUNT: Final = "000000000000"
#: SES leaves out headers beyond so many bytes.
HEADERS_MAX: Final = 10_000
#: SES tries for so long.
_EXPIRES_AFTER: Final = timedelta(hours=14)
_MTA: Final = "a8-70.smtp-out.local"
_FEEDBACK_ID: Final = "0110-local-feedback"
_FAILED: Final = "failed"
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64) Local SES inbox"


class Sent(Protocol):
    """A message that the local SES took."""

    @property
    def sender(self) -> str:
        """The envelope's sender."""
        ...

    @property
    def recipients(self) -> tuple[str, ...]:
        """Where it went."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags."""
        ...

    @property
    def configuration_set(self) -> str:
        """By which it was sent."""
        ...

    @property
    def raw(self) -> bytes:
        """The whole message."""
        ...


#: event type, the member that tells of it, and what stands there
Part = tuple[str, str, dict[str, Any]]


def record(
    what: str,
    sent: Sent,
    *,
    ses_message_id: str,
    accepted_at: datetime,
    now: datetime,
    link: str = "",
) -> dict[str, Any]:
    """Write the record of what became of a message; `what` is one of `DEEDS`.

    Raises:
        KeyError: there is no such thing.
    """
    event_type, member, part = DEEDS[what](sent, now)
    if what == "click":
        part["link"] = link
    return {
        "eventType": event_type,
        "mail": _mail(ses_message_id, sent, accepted_at),
        member: part,
    }


def iso(instant: datetime) -> str:
    """Write an instant as SES and SNS do."""
    written = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    return written.replace("+00:00", "Z")


def _mail(ses_message_id: str, sent: Sent, accepted_at: datetime) -> dict[str, Any]:
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(sent.raw)
    listed, size = [], 0
    for name, value in headers.items():
        size += len(name) + len(str(value))
        if size <= HEADERS_MAX:
            listed.append({"name": name, "value": str(value)})
    tags = {
        "ses:configuration-set": [sent.configuration_set or "local"],
        "ses:source-ip": ["127.0.0.1"],
        "ses:from-domain": [sent.sender.rpartition("@")[2]],
        "ses:caller-identity": ["local"],
        **{name: [value] for name, value in sent.tags.items()},
    }
    return {
        "timestamp": iso(accepted_at),
        "source": sent.sender,
        "sourceArn": f"arn:aws:ses:eu-north-1:{ACCOUNT}:identity/{sent.sender}",
        "sendingAccountId": ACCOUNT,
        "messageId": ses_message_id,
        "destination": list(sent.recipients),
        "headersTruncated": size > HEADERS_MAX,
        "headers": listed,
        "commonHeaders": {
            "from": [str(headers.get("From", ""))],
            "to": list(sent.recipients),
            "messageId": ses_message_id,
            "subject": str(headers.get("Subject", "")),
        },
        "tags": tags,
    }


def _send(_sent: Sent, _now: datetime) -> Part:
    return "Send", "send", {}


def _delivery(sent: Sent, now: datetime) -> Part:
    part = {
        "timestamp": iso(now),
        "processingTimeMillis": 640,
        "recipients": list(sent.recipients),
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": "127.0.0.1",
        "reportingMTA": _MTA,
    }
    return "Delivery", "delivery", part


def _bounce(bounce_type: str, sub_type: str, status: str, said: str) -> Callable[..., Part]:
    def made(sent: Sent, now: datetime) -> Part:
        part = {
            "bounceType": bounce_type,
            "bounceSubType": sub_type,
            "bouncedRecipients": [
                {
                    "emailAddress": recipient,
                    "action": _FAILED,
                    "status": status,
                    "diagnosticCode": f"smtp; {said}",
                }
                for recipient in sent.recipients
            ],
            "timestamp": iso(now),
            "feedbackId": _FEEDBACK_ID,
            "reportingMTA": f"dsn; {_MTA}",
        }
        return "Bounce", "bounce", part

    return made


def _complaint(feedback_type: str) -> Callable[..., Part]:
    def made(sent: Sent, now: datetime) -> Part:
        part = {
            "complainedRecipients": [{"emailAddress": each} for each in sent.recipients],
            "timestamp": iso(now),
            "feedbackId": _FEEDBACK_ID,
            "complaintSubType": None,
            "userAgent": "Local SES inbox",
            "complaintFeedbackType": feedback_type,
            "arrivalDate": iso(now),
        }
        return "Complaint", "complaint", part

    return made


def _delay(sent: Sent, now: datetime) -> Part:
    part = {
        "timestamp": iso(now),
        "delayType": "TransientCommunicationFailure",
        "expirationTime": iso(now + _EXPIRES_AFTER),
        "delayedRecipients": [
            {
                "emailAddress": recipient,
                "status": "4.4.1",
                "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
            }
            for recipient in sent.recipients
        ],
    }
    return "DeliveryDelay", "deliveryDelay", part


def _reject(_sent: Sent, _now: datetime) -> Part:
    return "Reject", "reject", {"reason": "Bad content"}


def _rendering_failure(_sent: Sent, _now: datetime) -> Part:
    said = "Attribute 'attributeName' is not present in the rendering data."
    return "Rendering Failure", "failure", {"errorMessage": said, "templateName": "MyTemplate"}


def _read(event_type: str) -> Callable[..., Part]:
    def made(_sent: Sent, now: datetime) -> Part:
        part = {"ipAddress": "127.0.0.1", "timestamp": iso(now), "userAgent": _BROWSER}
        return event_type, event_type.lower(), part

    return made


def _subscription(_sent: Sent, now: datetime) -> Part:
    def preferences(status: str) -> dict[str, Any]:
        topics = [{"topicName": "letters", "subscriptionStatus": status}]
        return {"unsubscribeAll": status == "OptOut", "topicSubscriptionStatus": topics}

    part = {
        "contactList": "local",
        "timestamp": iso(now),
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences("OptOut"),
        "oldTopicPreferences": preferences("OptIn"),
    }
    return "Subscription", "subscription", part


#: Whatever may become of a message, by the name that tests and the inbox give it.
DEEDS: Final[Mapping[str, Callable[[Sent, datetime], Part]]] = MappingProxyType(
    {
        "send": _send,
        "delivery": _delivery,
        "delay": _delay,
        "bounce": _bounce("Permanent", "General", "5.1.1", "550 5.1.1 user unknown"),
        "soft-bounce": _bounce("Transient", "MailboxFull", "4.2.2", "452 4.2.2 mailbox full"),
        # https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html#bounce-types
        "auto-reply": _bounce("Transient", "General", "5.0.0", "550 5.0.0 out of office"),
        "global-suppression": _bounce(
            "Permanent", "Suppressed", "5.1.1", "Amazon SES did not send the message"
        ),
        "suppression": _bounce(
            "Permanent", "OnAccountSuppressionList", "5.1.1", "Amazon SES did not send the message"
        ),
        "refusal-of-ours": _bounce(
            "Permanent", "General", "5.7.515", "550 5.7.515 Access denied, sending domain does not "
            "meet the required authentication level"
        ),
        "complaint": _complaint("abuse"),
        "not-spam": _complaint("not-spam"),
        "reject": _reject,
        "rendering-failure": _rendering_failure,
        "open": _read("Open"),
        "click": _read("Click"),
        "subscription": _subscription,
    }
)  # fmt: skip

#: What becomes of an accepted message by itself, by its mark.
#: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
BY_MARK: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "": ("delivery",),
        "simulated success": ("delivery",),
        "simulated bounce": ("bounce",),
        "simulated complaint": ("delivery", "complaint"),
        "simulated auto-reply": ("delivery", "auto-reply"),
        "simulated suppression": ("global-suppression",),
        "suppressed": ("suppression",),
    }
)
