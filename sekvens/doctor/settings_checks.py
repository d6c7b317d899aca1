"""The settings, where they are allowed and yet not sensible."""

from urllib.parse import urlsplit

from sekvens.doctor.findings import Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp
from sekvens.errors import SettingsError
from sekvens.messages.links import check_secret
from sekvens.sections import is_local

_NOBODYS = (".example", ".invalid", ".test", ".localhost")
_EXAMPLES = frozenset({"example.com", "example.org", "example.net"})


def is_nobodys(domain: str) -> bool:
    """Tell whether a domain is reserved for examples: nobody can own it."""
    return domain.endswith(_NOBODYS) or domain in _EXAMPLES


def shop_is_ours(set_up: SetUp) -> Finding:
    """Whether e-mails carry the shop's own brand facts."""
    domain = set_up.sender_domain()
    if set_up.is_sample:
        what = "no settings file is read: e-mails are those of the sample shop"
    elif is_nobodys(domain):
        what = f"the sender's domain {domain} is one that nobody can own"
    else:
        return ok(f"e-mails come from {domain}")
    to_do = "run starter.py init, and fill in [shop]"
    if is_local(set_up.settings.ses.endpoint_url):
        return warning(what, to_do)
    return fault(what, to_do)


def public_url(set_up: SetUp) -> Finding:
    """Whether the links of e-mails lead somewhere from outside."""
    url = set_up.settings.api.public_url
    parts = urlsplit(url)
    is_public = parts.scheme == "https" and parts.hostname and not is_local(url)
    if is_public:
        return ok(f"links lead to {parts.scheme}://{parts.netloc}")
    what = f"api.public_url is {url}, which readers of e-mails cannot use safely"
    to_do = "set it to the https address under which the outside reaches the API"
    return fault(what, to_do) if set_up.settings.sending.production else warning(what, to_do)


def link_secret(set_up: SetUp) -> Finding:
    """Whether links can be signed."""
    try:
        check_secret(set_up.settings.api)
    except SettingsError as error:
        return fault(
            str(error).partition(":")[0], "set SEKVENS_API__LINK_SECRET: openssl rand -hex 32"
        )
    return ok("links can be signed")


def write_keys(set_up: SetUp) -> Finding:
    """Whether the shop's backend can post anything."""
    keys = set_up.settings.api.write_keys
    if not keys:
        return warning(
            "no write key in this environment; without one the API takes no event from anybody",
            "set SEKVENS_API__WRITE_KEYS where the API runs",
        )
    return ok(f"{len(keys)} write key{'s' if len(keys) > 1 else ''}")


def who_is_mailed(set_up: SetUp) -> Finding:
    """Whether mail reaches whom it should."""
    sending, ses = set_up.settings.sending, set_up.settings.ses
    if sending.production and is_local(ses.endpoint_url):
        return warning(
            "sending.production is on, and SES is the local one: nothing leaves this machine",
            "empty ses.endpoint_url for Amazon's own",
        )
    if sending.production:
        return ok("production: everybody is mailed")
    if not sending.allow_list:
        return warning(
            "sending.production is off and sending.allow_list is empty: nobody is mailed",
            "set one of them",
        )
    listed = len(sending.allow_list)
    return warning(
        f"sending.production is off: only what sending.allow_list names ({listed}) is mailed",
        "set sending.production when everybody may be",
    )


def shop_clock(set_up: SetUp) -> Finding:
    """Whether days are as long as days."""
    try:
        set_up.settings.shop_time()
    except SettingsError as error:
        return fault(str(error), "take clock.day_seconds out of the settings")
    seconds = set_up.settings.clock.day_seconds
    if seconds == 86400:
        return ok("a day lasts a day")
    return warning(f"a day of shop time lasts {seconds:g} s", "for demos only: take it out")
