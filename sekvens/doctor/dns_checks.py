"""What the domain name system says of the sender's domain: SPF and DMARC."""

from collections.abc import Iterable
from typing import Final

from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.doctor.settings_checks import is_nobodys

_AMAZON: Final = "include:amazonses.com"


def spf(set_up: SetUp) -> Finding | None:
    """Whether the domain that bounces go to says that Amazon may send for it."""
    if is_nobodys(set_up.sender_domain()):
        return None
    domain = _bounce_domain(set_up) or set_up.sender_domain()
    records = [text for text in set_up.names.texts(domain) if _is_spf(text)]
    if len(records) > 1:
        return fault(f"{domain} has {len(records)} SPF records, which counts as none", "merge them")
    if not records:
        return warning(f"{domain} has no SPF record", f"publish: v=spf1 {_AMAZON} ~all")
    if _AMAZON not in records[0].lower():
        return warning(f"the SPF record of {domain} does not name Amazon", f"add {_AMAZON}")
    return ok(f"the SPF record of {domain} names Amazon")


def dmarc(set_up: SetUp) -> Finding | None:
    """Whether the sender's domain, or one above it, has a DMARC policy."""
    domain = set_up.sender_domain()
    if is_nobodys(domain):
        return None
    for above in _and_above(domain):
        name = f"_dmarc.{above}"
        records = [r for r in set_up.names.texts(name) if r.strip().lower().startswith("v=dmarc1")]
        if len(records) > 1:
            return fault(
                f"{name} has {len(records)} DMARC records, which counts as none", "keep one"
            )
        if records:
            return _policy(name, _tags(records[0]))
    return fault(
        f"{domain} has no DMARC record: Gmail, Yahoo and Microsoft refuse or junk what it sends",
        f'publish at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:…"',
    )


def _policy(name: str, tags: dict[str, str]) -> Finding:
    policy = tags.get("p", "")
    if policy not in {"none", "quarantine", "reject"}:
        return fault(f"the record at {name} has no policy (p=)", "add p=none, or a stricter one")
    if "rua" not in tags:
        return warning(
            f"{name}: p={policy}, and nobody gets its reports", "add rua=mailto:… to hear of abuse"
        )
    return ok(f"{name}: p={policy}, with reports")


def _bounce_domain(set_up: SetUp) -> str:
    try:
        identity = set_up.identity() or {}
    except CouldNotBeAsked:
        return ""
    return str((identity.get("MailFromAttributes") or {}).get("MailFromDomain") or "")


def _is_spf(text: str) -> bool:
    return text.strip().lower().partition(" ")[0] == "v=spf1"


def _and_above(domain: str) -> Iterable[str]:
    labels = domain.split(".")
    # Never a top-level domain: its owner says nothing for us.
    return (".".join(labels[first:]) for first in range(max(1, len(labels) - 1)))


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs if name.strip()}
