"""Clicks on links that lead through us: where to, and the note that is made of it.

The target comes from what was kept with the message and from nowhere else. The note is made after
the reader has been sent on, and of whoever allows none nothing is written.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tracking import clicks_allowed
from sekvens.db.session import Database
from sekvens.engagement.machine import Asked, Networks, Reason, judge_request
from sekvens.engagement.tables import Engagement, Kind, Source
from sekvens.engagement.visitors import visitor_of
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.links import ClickLink
from sekvens.messages.tables import Message, MessageLinks
from sekvens.sections import ApiSettings
from sekvens.tracking_section import TrackingSettings

#: A click waits so long for what would show that it is a machine's. With the relay's way to the
#: workflow, a person's click is there within a second of it.
SETTLING: Final = timedelta(milliseconds=850)
#: Nobody clicks as often in one message; whatever does is sent on, and no more noted.
CLICKS_MAX: Final = 100


class Clicks:
    """Looks targets up and notes clicks; threads may share it."""

    def __init__(
        self,
        *,
        database: Database,
        api: ApiSettings,
        tracking: TrackingSettings,
        shop_time: ShopTime,
    ) -> None:
        self._database = database
        self._api = api
        self._tracking = tracking
        self._networks = networks_of(tracking)
        self._shop_time = shop_time

    def target(self, link: ClickLink) -> str | None:
        """Tell where a link leads; None if nothing is kept of it (any more)."""
        query = select(MessageLinks.targets).where(MessageLinks.message_id == link.message_id)
        with self._database.read() as session:
            targets = session.scalar(query)
        return targets.get(link.link_id) if targets else None

    def note(self, link: ClickLink, asked: Asked, *, at: datetime) -> Reason | None:
        """Note a click, at an instant of wall time; tell why it is a machine's, if it is."""
        if self._tracking.clicks == "never":
            return None
        with self._database.write() as session:
            message = session.get(Message, link.message_id)
            if message is None or not self._may_note(session, message):
                return None
            sent_on = message.sent_on or _dispatched_on(message, self._shop_time)
            since_sent = self._shop_time.at(at) - sent_on if sent_on else None
            reason = judge_request(asked, since_sent=since_sent, networks=self._networks)
            session.add(
                Engagement(
                    kind=Kind.CLICK,
                    source=Source.LINK,
                    message_id=message.id,
                    contact_id=message.contact_id,
                    link_id=link.link_id,
                    at=at,
                    is_machine=reason is not None,
                    reason=reason,
                    visitor=visitor_of(self._api, asked.ip, at=at),
                    settles_at=at + SETTLING if reason is None else None,
                )
            )
        return reason

    def _may_note(self, session: Session, message: Message) -> bool:
        contact_id = canonical_id(session, message.contact_id)
        if not clicks_allowed(session, contact_id, self._tracking):
            return False
        noted = select(func.count()).where(Engagement.message_id == message.id)
        return (session.scalar(noted) or 0) < CLICKS_MAX


def networks_of(tracking: TrackingSettings) -> Networks:
    """Read the networks from which no person clicks."""
    networks: Sequence[str] = tracking.machine_networks
    return [ip_network(given) for given in networks]


def _dispatched_on(message: Message, shop_time: ShopTime) -> datetime | None:
    return shop_time.at(message.dispatched_at) if message.dispatched_at else None
