"""Is it a person? What is known of one open or click, and of those around it, becomes a verdict.

Pure: instants and texts in, a reason out; none means that nothing speaks against a person. A
verdict says `machine` only for something that people do not do: whom it takes for a person wrongly
is steered by a scanner, whom it takes for a machine wrongly is not heard.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: Several links of one message within this time are not clicked by a hand.
TOGETHER: Final = timedelta(seconds=1)
#: … and a person needs longer than this from SES's acceptance to a click (shop time).
DELIVERY_MIN: Final = timedelta(seconds=5)
#: One IP address that clicks in so many messages …
BURST_MESSAGES: Final = 5
#: … within this time belongs to a scanner of a whole company's mail.
BURST_WITHIN: Final = timedelta(seconds=10)
#: What a machine does from one IP address, it does in all of its requests about one message.
BESIDE_WITHIN: Final = timedelta(seconds=10)

#: Longer than any browser's.
_AGENT_MAX: Final = 1000

_TOOLS = re.compile(
    r"""
    (?<!cu)bots?\b | crawl | spider | scan(?!dinav) | slurp | preview | prefetch | monitor |
    headless | phantomjs | puppeteer | playwright | selenium |
    \b(?:curl|wget|libwww|okhttp|axios|got|undici|aiohttp|httpx|python|ruby|perl|php|java|
        go-http-client|guzzlehttp|apache-httpclient|winhttp|node|node-fetch|urlgrabber)\b |
    barracuda | mimecast | proofpoint | safelinks | fireeye | trendmicro | symantec | forcepoint |
    ironport | sophos | zscaler | messagelabs | urldefense | virustotal | phish |
    facebookexternalhit | whatsapp | skypeuri | google-safety | google-read-aloud |
    embedly | outbrain
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: What fetches pictures for a mail program, before or without anybody looking.
_PROXIES = re.compile(r"googleimageproxy|ggpht\.com|yahoomailproxy|bingpreview", re.IGNORECASE)
#: All that Apple's Mail Privacy Protection says of itself.
_BARE: Final = "Mozilla/5.0"
#: Apple's own network (https://support.apple.com/101555), from which no person clicks.
_APPLE: Final = ipaddress.ip_network("17.0.0.0/8")
#: By these a browser says that nobody has asked for the page yet.
AHEAD: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")


class Reason(StrEnum):
    """Why it was a machine. Persisted: members are never renamed."""

    HEAD = "head"  #: it asked for the head of the reply only
    NO_AGENT = "no_agent"  #: it does not say what it is, or only what Apple's prefetch says
    AGENT = "agent"  #: it says that it is a tool, a scanner or a proxy
    AHEAD = "ahead"  #: a browser, before anybody had asked for it
    NETWORK = "network"  #: from where no person clicks
    TOO_SOON = "too_soon"  #: before anybody can have read the message
    SEVERAL_LINKS = "several_links"  #: several links of one message within a second
    BURST = "burst"  #: one IP address clicked in many messages at once
    BESIDE = "beside"  #: the same IP address was a machine about the same message just before


Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one request says of itself."""

    method: str = "GET"
    agent: str = ""
    headers: Mapping[str, str] | None = None
    ip: str | None = None


@dataclass(frozen=True, kw_only=True)
class Click:
    """One click as it stands in the table."""

    message_id: str
    link_id: str | None
    at: datetime
    visitor: str | None
    is_machine: bool


def judge_request(
    asked: Asked, *, since_sent: timedelta | None, networks: Networks = ()
) -> Reason | None:
    """Judge a click by itself; `since_sent` is shop time since SES took the message, if known."""
    headers = asked.headers or {}
    if asked.method != "GET":
        return Reason.HEAD
    if any(re.search("prefetch|preview|prerender", headers.get(name, "")) for name in AHEAD):
        return Reason.AHEAD
    reason = judge_sender(asked.agent, asked.ip, networks=networks)
    if reason is None and since_sent is not None and since_sent < DELIVERY_MIN:
        return Reason.TOO_SOON
    return reason


def judge_open(agent: str, ip: str | None, *, networks: Networks = ()) -> Reason | None:
    """Judge an open that SES reports."""
    if _PROXIES.search(agent[:_AGENT_MAX]):
        return Reason.AGENT
    return judge_sender(agent, ip, networks=networks)


def judge_sender(agent: str, ip: str | None, *, networks: Networks = ()) -> Reason | None:
    """Judge by what a request calls itself, and by where it comes from."""
    agent = agent.strip()[:_AGENT_MAX]
    if agent in ("", _BARE):
        return Reason.NO_AGENT
    if _TOOLS.search(agent):
        return Reason.AGENT
    return Reason.NETWORK if _is_within(ip, (_APPLE, *networks)) else None


def judge_among(click: Click, others: Iterable[Click]) -> Reason | None:
    """Judge a click by those around it, of the same message or from the same IP address."""
    messages = {click.message_id}
    for other in others:
        apart = abs(other.at - click.at)
        is_same_message = other.message_id == click.message_id
        if is_same_message and other.link_id != click.link_id and apart <= TOGETHER:
            return Reason.SEVERAL_LINKS
        if other.visitor is None or other.visitor != click.visitor:
            continue
        if is_same_message and other.is_machine and apart <= BESIDE_WITHIN:
            return Reason.BESIDE
        if apart <= BURST_WITHIN:
            messages.add(other.message_id)
    return Reason.BURST if len(messages) >= BURST_MESSAGES else None


def _is_within(ip: str | None, networks: Networks) -> bool:
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
