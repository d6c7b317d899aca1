"""What SES says of the account and of the sender's identity."""

from typing import Final

from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.sections import is_local

#: Of the day's quota; beyond, one good day is too good.
USED_MAX: Final = 0.9
_SUPPRESSED: Final = frozenset({"BOUNCE", "COMPLAINT"})


def ses_answers(set_up: SetUp) -> Finding:
    """Whether SES can be reached with these credentials."""
    ses = set_up.settings.ses
    where, to_do = f"SES in {ses.region}", "look at ses.endpoint_url, ses.region and credentials"
    if is_local(ses.endpoint_url):
        where, to_do = "the local SES", "start it: starter.py local-ses, or look at its address"
    try:
        set_up.account()
    except CouldNotBeAsked as error:
        return fault(f"{where}: {error}", to_do)
    return ok(f"{where} answers")


def production_access(set_up: SetUp) -> Finding:
    """Whether the account has left the sandbox, and may send at all."""
    account = set_up.account()
    if not account.get("SendingEnabled", True):
        return fault(
            "SES takes nothing from this account (SendingEnabled is false)",
            "look into the SES console why, and ask AWS to resume it",
        )
    if account.get("EnforcementStatus", "HEALTHY") != "HEALTHY":
        status = account["EnforcementStatus"]
        return warning(
            f"AWS reviews this account: {status}", "read AWS's mail about it; see status"
        )
    if account.get("ProductionAccessEnabled"):
        return ok("the account may mail anybody")
    what = "the account is in SES's sandbox, which mails verified addresses only"
    to_do = "ask AWS for production access"
    return fault(what, to_do) if set_up.settings.sending.production else warning(what, to_do)


def quota(set_up: SetUp) -> Finding:
    """How much the account may send, and how much of it is left."""
    asked = set_up.account().get("SendQuota") or {}
    day, rate = asked.get("Max24HourSend", 0.0), asked.get("MaxSendRate", 0.0)
    sent = asked.get("SentLast24Hours", 0.0)
    if day < 0:
        return ok(f"{rate:g} messages a second, without a limit on the day")
    what = f"{rate:g} messages a second, {sent:,.0f} of {day:,.0f} used in the last 24 hours"
    if sent >= USED_MAX * day:
        return warning(what, "ask AWS for more: marketing waits when it is used up")
    return ok(what)


def suppression_list(set_up: SetUp) -> Finding:
    """Whether SES itself holds back what bounced or was complained of."""
    attributes = set_up.account().get("SuppressionAttributes") or {}
    missing = _SUPPRESSED - set(attributes.get("SuppressedReasons") or ())
    if not missing:
        return ok("SES holds back addresses that bounced or complained")
    return warning(
        f"SES's account-level suppression list does not take: {', '.join(sorted(missing))}",
        "switch it on: aws sesv2 put-account-suppression-attributes --suppressed-reasons "
        "BOUNCE COMPLAINT",
    )


def identity_is_verified(set_up: SetUp) -> Finding:
    """Whether SES lets us send from the sender's domain."""
    domain = set_up.sender_domain()
    identity = set_up.identity()
    if identity is None:
        return fault(
            f"{domain} is no identity of this account in {set_up.settings.ses.region}",
            f"create it: aws sesv2 create-email-identity --email-identity {domain}",
        )
    if not identity.get("VerifiedForSendingStatus"):
        status = identity.get("VerificationStatus", "unknown")
        return fault(f"{domain} is not verified ({status})", "publish the DNS records SES shows")
    return ok(f"{domain} is verified")


def dkim(set_up: SetUp) -> Finding | None:
    """Whether SES signs with the sender's own domain."""
    identity = set_up.identity()
    if identity is None:
        return None
    attributes = identity.get("DkimAttributes") or {}
    status = attributes.get("Status", "NOT_STARTED")
    if not attributes.get("SigningEnabled"):
        return fault("DKIM is switched off for the identity", "switch Easy DKIM on")
    if status != "SUCCESS":
        return fault(f"DKIM is not verified ({status})", "publish the three CNAME records of SES")
    return ok("SES signs with the sender's own domain")


def mail_from(set_up: SetUp) -> Finding | None:
    """Whether bounces go to a domain of ours, so that SPF speaks for us as well."""
    if is_local(set_up.settings.ses.endpoint_url):
        return None
    identity = set_up.identity()
    if identity is None:
        return None
    attributes = identity.get("MailFromAttributes") or {}
    domain, status = attributes.get("MailFromDomain"), attributes.get("MailFromDomainStatus")
    if not domain:
        return warning(
            "no MAIL FROM domain of ours: SPF is Amazon's, and DKIM alone carries DMARC",
            "set a custom MAIL FROM domain at the identity, bounce.<domain> for instance",
        )
    if status != "SUCCESS":
        return warning(
            f"the MAIL FROM domain {domain} is {status}", "publish its MX and SPF record"
        )
    return ok(f"bounces go to {domain}")
