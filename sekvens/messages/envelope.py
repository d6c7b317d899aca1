"""From an order to bytes: gather facts, ask feeds, compose the e-mail, assemble the MIME."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.contacts.tracking import clicks_allowed, opens_allowed
from sekvens.contacts.zone import zone_of
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, FlowVersion
from sekvens.enrollments.wire import SendInput
from sekvens.errors import OfferOver, TemplateError
from sekvens.feeds.asking import questions
from sekvens.feeds.desk import FeedDesk
from sekvens.flows.steps import Purpose
from sekvens.messages import templates
from sekvens.messages.compose import compose
from sekvens.messages.context import Entry, gather
from sekvens.messages.copies import packed
from sekvens.messages.facts import Facts
from sekvens.messages.foreign import compose_foreign
from sekvens.messages.needs import Needs, needs
from sekvens.messages.tables import MessageLinks
from sekvens.messages.tagging import tags_for
from sekvens.messages.targets import Targets
from sekvens.messages.templates import StoredTemplate
from sekvens.offers.claims import Claim, claim
from sekvens.offers.referral import referral_code
from sekvens.sections import ApiSettings
from sekvens.ses.mime import Mail, assemble
from sekvens.settings import Settings
from sekvens.shop import Shop
from sekvens.tracking_section import TrackingSettings

_TRACKING = TrackingSettings()


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A message as SES takes it."""

    sender: str
    recipient: str
    raw: bytes
    tags: dict[str, str]
    targets: Mapping[str, str]  #: link id -> where it leads, of links that lead through us
    tracks_opens: bool  #: the contact has allowed SES to report opens
    locale: str  #: the language that it is written in
    copy: bytes | None = None  #: of the HTML part, to be opened in a browser


class Envelope:
    """Makes messages for one shop."""

    def __init__(
        self,
        *,
        database: Database,
        shop: Shop,
        api: ApiSettings,
        tracking: TrackingSettings = _TRACKING,
        keeps_copies: bool = True,
        feeds: FeedDesk | None = None,
    ) -> None:
        self._database = database
        self._api = api
        self._tracking = tracking
        self._keeps_copies = keeps_copies
        self._feeds = feeds or FeedDesk({})
        self.shop = shop
        #: (flow, version) -> the property that tells its entries apart
        self._entry_names: dict[tuple[str, int], str | None] = {}

    @classmethod
    def of(cls, settings: Settings, database: Database) -> "Envelope":
        """Make what the settings say; it asks the feeds, for all of a process's sends together."""
        return cls(
            database=database,
            shop=settings.shop,
            api=settings.api,
            tracking=settings.tracking,
            keeps_copies=settings.privacy.copies_days > 0,
            feeds=FeedDesk(settings.feeds),
        )

    def fill(self, order: SendInput, message_id: str, recipient: str) -> Sealed:
        """Make the message of one step for one recipient.

        Raises:
            TemplateError: the template or a fact that it needs is missing or broken.
            OfferPoolEmpty: no code is left for the offer that it makes.
            OfferOver: the offer that it makes is over, or used.
        """
        with self._database.read() as session:
            template = templates.load(session, order.template_digest)
        promised = self._promised(order, template)
        with self._database.read() as session:
            contact_id = canonical_id(session, order.contact_id)
            facts = gather(
                session,
                contact_id=contact_id,
                enrollment_id=order.enrollment_id,
                flow=order.flow,
                step_id=order.step_id,
                purpose=Purpose(order.purpose),
                claim=promised,
                entry=self._entry(session, order.enrollment_id),
                needs=needs(template),
                started_at=order.started_at,
                now=order.now,
                shop=self.shop,
                api=self._api,
                message_id=message_id,
                second_subject=order.second_subject,
                has_copy=self._keeps_copies,
            )
            targets = self._targets(session, order, message_id, contact_id)
            tracks_opens = opens_allowed(session, contact_id, self._tracking)
            asked = self._questions(session, contact_id, needs(template))
        # With nothing held: neither a lock, nor a claim, nor the database.
        facts = replace(facts, feeds=self._feeds.answers(asked))
        raw, html, locale = self._written(order, template, facts, message_id, recipient, targets)
        return Sealed(
            sender=self.shop.sender.address,
            recipient=recipient,
            raw=raw,
            tags=_tags(order, message_id),
            targets=targets.by_id,
            tracks_opens=tracks_opens,
            locale=locale,
            copy=packed(html) if self._keeps_copies else None,
        )

    def _questions(self, session: Session, contact_id: str, asks: Needs) -> dict[str, str]:
        """Tell what to ask the feeds that an e-mail speaks of."""
        traits = session.get_one(Contact, contact_id).traits if asks.feeds else {}
        return questions(self._feeds.feeds, asks.feeds, traits)

    def _targets(
        self, session: Session, order: SendInput, message_id: str, contact_id: str
    ) -> Targets:
        """Begin the list of where the links lead, with those of an attempt that may have arrived.

        The order's row must have been read before: who then claims it has seen all of them.
        """
        kept = session.get(MessageLinks, message_id)
        return Targets(
            api=self._api,
            message_id=message_id,
            tags=tags_for(self._tracking, self.shop, flow=order.flow, step_id=order.step_id),
            through_us=clicks_allowed(session, contact_id, self._tracking),
            known=kept.targets if kept else None,
        )

    def _entry(self, session: Session, enrollment_id: str) -> Entry:
        """Tell what an enrollment is about; names are kept, as a published flow never changes."""
        enrollment = session.get_one(Enrollment, enrollment_id)
        if enrollment.entry_key is None:
            return Entry()
        version = (enrollment.flow, enrollment.flow_version)
        if version not in self._entry_names:
            published = session.get(FlowVersion, version)
            self._entry_names[version] = published.definition["entry_key"] if published else None
        return Entry(name=self._entry_names[version], key=enrollment.entry_key)

    def _promised(self, order: SendInput, template: StoredTemplate) -> Claim | None:
        """Claim what the e-mail promises: a promise is committed before anybody is told of it."""
        if needs(template).any_of("referral"):
            with self._database.write() as session:
                contact_id = canonical_id(session, order.contact_id)
                referral_code(session, contact_id=contact_id, now=order.now, shop=self.shop)
        if order.offer is None:
            return None
        where = f"{order.flow}/{order.step_id}: the offer {order.offer!r}"
        offer = self.shop.offers.get(order.offer)
        if offer is None:
            raise TemplateError(
                f"{where} is not in the settings any more; add [shop.offers.{order.offer}], or "
                f"skip the step of enrollment {order.enrollment_id}"
            )
        with self._database.write() as session:
            zone = zone_of(session, order.contact_id, self.shop)
            promised = claim(
                session,
                offer_name=order.offer,
                offer=offer,
                contact_id=order.contact_id,
                enrollment_id=order.enrollment_id,
                now=order.now,
            )
        over = promised.last_day(zone) < order.now.astimezone(ZoneInfo(zone)).date()
        if over or promised.is_redeemed:
            raise OfferOver(
                f"{where} is {'over' if over else 'used'} for enrollment {order.enrollment_id}: "
                "the e-mail would promise what the checkout refuses"
            )
        return promised

    def _written(
        self,
        order: SendInput,
        template: StoredTemplate,
        facts: Facts,
        message_id: str,
        recipient: str,
        targets: Targets,
    ) -> tuple[bytes, str, str]:
        """Make the e-mail; tell its HTML part by itself, and its language."""
        sender = self.shop.sender
        try:
            made_by = compose_foreign if template.is_edited else compose
            composed = made_by(template, facts, shop=self.shop, targets=targets)
            mail = Mail(
                sender_name=sender.name.get(composed.locale)
                or sender.name[self.shop.default_locale],
                sender_address=sender.address,
                reply_to=sender.reply_to,
                recipient=recipient,
                subject=composed.subject,
                text=composed.text,
                html=composed.html,
                headers=_headers(facts),
                message_id=message_id,
            )
            return assemble(mail), composed.html, composed.locale
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # A fact or a setting that nobody thought of holds this one e-mail, not the queue. The
            # error's own text may quote the fact.
            raise TemplateError(
                f"{order.flow}/{order.step_id} cannot be made for contact {order.contact_id}: "
                f"{type(error).__name__}. Look at the contact's facts and the shop's settings, "
                "then retry or skip the step"
            ) from error


def _tags(order: SendInput, message_id: str) -> dict[str, str]:
    """Tag the message: its id comes back in SES's events; flow and step go to Gmail's figures."""
    return {
        "message_id": message_id,
        "flow": order.flow,
        "step": order.step_id,
        "ses:feedback-id-a": order.flow,
        "ses:feedback-id-b": order.step_id,
    }


def _headers(facts: Facts) -> dict[str, str]:
    """Let the inbox offer its own unsubscribe button (RFC 8058), on marketing."""
    if facts.unsubscribe_url is None:
        return {}
    return {
        "List-Unsubscribe": f"<{facts.unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
