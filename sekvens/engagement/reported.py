"""What a report of SES says of an open or a click, read before the record loses who it was about.

User agent, IP address and target are looked at here and kept nowhere: a reason and a hash are.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from sekvens.engagement.machine import Reason, judge_open, judge_sender

OPEN: Final = "Open"
CLICK: Final = "Click"
_PARTS: Final = {OPEN: "open", CLICK: "click"}


def machine_of(type_: str, record: Mapping[str, Any]) -> Reason | None:
    """Tell why an open or a click was a machine's, as far as it tells by itself."""
    part = record.get(_PARTS.get(type_, ""))
    if not isinstance(part, dict):
        return None
    agent, ip = part.get("userAgent"), part.get("ipAddress")
    judge = judge_open if type_ == OPEN else judge_sender
    return judge(agent if isinstance(agent, str) else "", ip if isinstance(ip, str) else None)


def link_id_of(record: Mapping[str, Any]) -> str | None:
    """Tell the id of the link that was clicked: a hash of where it leads, which may name a cart."""
    part = record.get(_PARTS[CLICK])
    link = part.get("link") if isinstance(part, dict) else None
    if not isinstance(link, str):
        return None
    return f"url-{hashlib.sha256(link.encode('utf-8', 'replace')).hexdigest()[:12]}"
