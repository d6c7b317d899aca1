"""Visitors: an IP address as a keyed hash, good for telling bursts, and forgotten after an hour.

The key changes with each day (UTC), so that a hash tells nothing beyond it. An address inside a
private network is a proxy's or nobody's, and stands for no visitor: behind a proxy that does not
pass addresses on, everybody would be one.
"""

import hashlib
import hmac
import ipaddress
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from sekvens.engagement.tables import Engagement
from sekvens.messages.links import newest_key
from sekvens.sections import ApiSettings

#: A burst lasts seconds; who looks into one has an hour.
KEPT_FOR: Final = timedelta(hours=1)
#: Bytes of the hash: within an hour nobody else has the same.
HASH_BYTES: Final = 12
#: One household's or company's part of IPv6.
_IPV6_PREFIX: Final = 64


def visitor_of(api: ApiSettings, ip: str | None, *, at: datetime) -> str | None:
    """Hash an IP address with the key of that day (wall time); None if it tells nobody apart."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            network = ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)
            address = network.network_address
        else:
            address = address.ipv4_mapped
    if not address.is_global:
        return None
    day = f"sekvens/visitor/{at.astimezone(UTC):%Y-%m-%d}".encode()
    key = hmac.digest(newest_key(api), day, hashlib.sha256)
    return hmac.digest(key, str(address).encode(), hashlib.sha256)[:HASH_BYTES].hex()


def forget_visitors(session: Session, *, now: datetime) -> int:
    """Forget the visitors of clicks that are older than an hour; tell of how many."""
    old = Engagement.at < now - KEPT_FOR
    statement = update(Engagement).where(Engagement.visitor.is_not(None), old).values(visitor=None)
    return len(session.execute(statement.returning(Engagement.id)).all())
