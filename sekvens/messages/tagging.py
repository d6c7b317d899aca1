"""UTM tags: by them the shop's own statistics see that a visit came from an e-mail, and from which.

Only links into the shop are tagged, and a tag that an author wrote is never overwritten. The tags
say flow and step, and nothing of the contact.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from sekvens.shop import Shop
from sekvens.tracking_section import TrackingSettings


@dataclass(frozen=True, kw_only=True)
class Tags:
    """The tags of one e-mail's links, and the hosts that they are for."""

    source: str
    medium: str
    campaign: str
    content: str
    hosts: frozenset[str]

    def on(self, url: str) -> str:
        """Hand back a URL with the tags that it lacks; one that leads elsewhere as it is."""
        parts = urlsplit(url)
        if (parts.hostname or "") not in self.hosts:
            return url
        given = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        tags = {
            "utm_source": self.source,
            "utm_medium": self.medium,
            "utm_campaign": self.campaign,
            "utm_content": self.content,
        }
        more = urlencode({name: tag for name, tag in tags.items() if tag and name not in given})
        if not more:
            return url
        # What stands there is not written anew: a shop may have signed it.
        before, mark, fragment = url.partition("#")
        join = "&" if parts.query else "" if before.endswith("?") else "?"
        return f"{before}{join}{more}{mark}{fragment}"


def tags_for(tracking: TrackingSettings, shop: Shop, *, flow: str, step_id: str) -> Tags | None:
    """Tell the tags of a step's e-mail; None if the settings want none."""
    if not tracking.utm_source:
        return None
    return Tags(
        source=tracking.utm_source,
        medium=tracking.utm_medium,
        campaign=flow,
        content=step_id,
        hosts=_hosts(tracking, shop),
    )


def _hosts(tracking: TrackingSettings, shop: Shop) -> frozenset[str]:
    home = urlsplit(shop.links.home).hostname or ""
    bare = [host.lower().removeprefix("www.") for host in (home, *tracking.hosts) if host]
    return frozenset(name for host in bare for name in (host, f"www.{host}"))
