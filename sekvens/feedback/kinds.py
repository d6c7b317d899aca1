"""SES's ten event types and their sub-types, in our words.

A word says who is to act. What its receiver, its address or its reader did is the contact's;
what we sent or how we are set up is `failed` or `rejected`, for an operator, and blames nobody
else. What SES may call tomorrow by a name that we do not know is `unknown`, and never an error.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class ReportKind(StrEnum):
    """What a report says. Persisted: members are never renamed."""

    ACCEPTED = "accepted"  #: SES took it
    DELIVERED = "delivered"  #: the receiving server took it
    DELAYED = "delayed"  #: SES tries again
    BOUNCED = "bounced"  #: the address is not to be mailed again
    SOFT_BOUNCED = "soft_bounced"  #: SES has given this message up; the address may be good
    COMPLAINED = "complained"  #: the reader called it spam
    NOT_SPAM = "not_spam"  #: the reader took that back
    REJECTED = "rejected"  #: SES found a virus in it
    FAILED = "failed"  #: it did not arrive, and the fault is ours
    OPENED = "opened"  #: somebody, or a machine, loaded its pictures
    CLICKED = "clicked"  #: somebody, or a machine, followed a link
    UNSUBSCRIBED = "unsubscribed"  #: by SES's own list management
    SUBSCRIPTION = "subscription"  #: SES's own list management, and no unsubscribe
    UNKNOWN = "unknown"  #: a type that SES had not when this was written
    UNREADABLE = "unreadable"  #: no report of SES


#: These say that SES took the message, whatever became of it then.
OF_A_TAKEN_MESSAGE: Final = frozenset(
    {
        ReportKind.ACCEPTED, ReportKind.DELIVERED, ReportKind.DELAYED, ReportKind.BOUNCED,
        ReportKind.SOFT_BOUNCED, ReportKind.COMPLAINED, ReportKind.NOT_SPAM, ReportKind.REJECTED,
        ReportKind.FAILED, ReportKind.OPENED, ReportKind.CLICKED,
    }
)  # fmt: skip

#: SES did not even try, because of a list that it keeps for us; it counts for no rate of ours.
#: https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
_OWN_LISTS: Final = ("OnAccountSuppressionList", "OnTenantSuppressionList")
#: Bounces of this kind: SES's own check of the address says that nobody can have it.
INVALID: Final = "Permanent/EmailValidationSuppressed"
#: Details of reports that SES does not count either.
UNCOUNTED: Final = frozenset({INVALID, *_OWN_LISTS, *(f"Permanent/{name}" for name in _OWN_LISTS)})
#: What we sent was refused, and to anybody it would be.
_OUR_CONTENT: Final = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})

#: The receiver refuses us: authentication, reverse DNS, TLS. Microsoft's are of three digits.
#: RFC 7372; https://support.google.com/a/answer/3726730;
#: https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
_CONFIGURATION: Final = re.compile(r"(?<![\d.])5\.7\.(?:9|2[0-79]|30|509|515)(?![\d.])")
_NOT_VERIFIED: Final = re.compile(
    r"(?:address|domain|identity) (?:is )?not verified", re.IGNORECASE
)
IDENTITY: Final = "identity not verified"

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z -]{0,60}")

_SIMPLE: Final = {
    "Send": ReportKind.ACCEPTED,
    "Delivery": ReportKind.DELIVERED,
    "Open": ReportKind.OPENED,
    "Click": ReportKind.CLICKED,
}


def kind_of(event_type: str, record: Mapping[str, Any]) -> tuple[ReportKind, str | None]:
    """Tell what a record says, and its sub-type in SES's words (a bounce's `Permanent/General`)."""
    match event_type:
        case "Bounce":
            return _bounce(_part(record, "bounce"))
        case "Complaint":
            return _complaint(_part(record, "complaint"))
        case "DeliveryDelay":
            return ReportKind.DELAYED, _word(_part(record, "deliveryDelay").get("delayType"))
        case "Reject":
            return ReportKind.REJECTED, _word(_part(record, "reject").get("reason"))
        case "Rendering Failure":
            return ReportKind.FAILED, "rendering"
        case "Subscription":
            return _subscription(_part(record, "subscription")), None
    return _SIMPLE.get(event_type, ReportKind.UNKNOWN), None


def _bounce(bounce: Mapping[str, Any]) -> tuple[ReportKind, str | None]:
    given, sub = _word(bounce.get("bounceType")), _word(bounce.get("bounceSubType"))
    detail = f"{given or 'Undetermined'}/{sub or 'Undetermined'}"
    fault = _fault_of_ours(bounce)
    if fault:
        return ReportKind.FAILED, fault
    if sub in _OUR_CONTENT:
        return ReportKind.FAILED, detail
    if sub == "UnsubscribedRecipient":
        return ReportKind.UNSUBSCRIBED, detail
    return ReportKind.BOUNCED if given == "Permanent" else ReportKind.SOFT_BOUNCED, detail


def _fault_of_ours(bounce: Mapping[str, Any]) -> str | None:
    """Name the fault in our set-up that a receiver names."""
    for said in _said(bounce.get("bouncedRecipients")):
        found = _CONFIGURATION.search(said)
        if found:
            return found[0]
        if _NOT_VERIFIED.search(said):
            return IDENTITY
    return None


def _said(recipients: Any) -> list[str]:
    listed = recipients if isinstance(recipients, list) else []
    each = [recipient for recipient in listed if isinstance(recipient, dict)]
    return [str(recipient.get(name, "")) for recipient in each
            for name in ("diagnosticCode", "status")]  # fmt: skip


def _complaint(complaint: Mapping[str, Any]) -> tuple[ReportKind, str | None]:
    sub = _word(complaint.get("complaintSubType"))
    feedback_type = _word(complaint.get("complaintFeedbackType"))
    if feedback_type == "not-spam":
        return ReportKind.NOT_SPAM, feedback_type
    return ReportKind.COMPLAINED, sub or feedback_type


def _subscription(subscription: Mapping[str, Any]) -> ReportKind:
    """Be strict: whoever opts out of anything at SES has asked for no marketing."""
    new = _part(subscription, "newTopicPreferences")
    old = _part(subscription, "oldTopicPreferences")
    left = _opted_out(new) - _opted_out(old)
    gone = new.get("unsubscribeAll") is True or left
    return ReportKind.UNSUBSCRIBED if gone else ReportKind.SUBSCRIPTION


def _opted_out(preferences: Mapping[str, Any]) -> set[str]:
    listed = preferences.get("topicSubscriptionStatus")
    topics = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    out = [each for each in topics if str(each.get("subscriptionStatus")).lower() == "optout"]
    return {str(each.get("topicName")) for each in out}


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
