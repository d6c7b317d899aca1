"""What is held of a contact: every table with it, whose a row is, and what an erasure does to it.

The one list that export and erasure go by. A table that is not named here fails a test, and so does
a column of which neither is said that it goes nor that it may stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from sekvens.approvals.tables import Approval
from sekvens.contacts.person import Person
from sekvens.contacts.requests import PrivacyRequest
from sekvens.contacts.reviewers import forget_reviews
from sekvens.contacts.tables import (
    Consent,
    ConsentChange,
    Contact,
    Erasure,
    Identity,
    Preferences,
    Suppression,
)
from sekvens.db.base import Base
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Delivery, Enrollment
from sekvens.events.tables import (
    Cart,
    ContactEvent,
    OpenCase,
    Order,
    OutboxEntry,
    RejectedEvent,
    Visit,
)
from sekvens.experiments.tables import Draw, EnrollmentVariant
from sekvens.feedback.tables import Feedback, MessageFate
from sekvens.messages.tables import Message, MessageCopy, MessageLinks, Overlap
from sekvens.metrics.tables import CartResult, ContactResult, MessageEffect, OrderResult
from sekvens.next_best.tables import NextBest
from sekvens.notices.tables import Notice
from sekvens.offers.tables import EnrollmentClaim, OfferClaim, OfferCode, Redemption, Referral
from sekvens.predictions.tables import Prediction
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review
from sekvens.segments.tables import ContactSummary, SegmentMembership, SegmentStay
from sekvens.send_time.tables import SendTimeChoice

Column: TypeAlias = InstrumentedAttribute[Any]
#: Says which rows are a person's.
Whose: TypeAlias = Callable[[Person], ColumnElement[bool]]


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """The rows go."""


@dataclass(frozen=True, kw_only=True)
class Stays:
    """The rows stay, without what says who somebody is.

    `keeps` are the columns that say nothing of a person, `empties` those that are overwritten, and
    `hashes` ids from outside, which become their hash unless they are plain.
    """

    keeps: str
    empties: Mapping[str, Any] = field(default_factory=dict)
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Each row is looked at; `forget` does it, and counts the rows by what became of them.

    It knows what to do about these columns, and they are all.
    """

    columns: str
    forget: Callable[[Session, Person], Mapping[str, int]]


@dataclass(frozen=True)
class Holding:
    """One table with something of contacts."""

    table: type[Base]
    whose: Whose
    erasure: Deleted | Stays | Chosen

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.__tablename__)


def own(column: Column) -> Whose:
    """Say that a row is of the contact whom this column names."""
    return lambda person: column.in_(person.ids)


def of_enrollment(column: Column) -> Whose:
    """Say that a row is of the contact of the enrollment that this column names."""
    theirs = own(Enrollment.contact_id)
    return lambda person: column.in_(select(Enrollment.id).where(theirs(person)))


def of_message(column: Column) -> Whose:
    """Say that a row is of the contact of the message that this column names."""
    theirs = own(Message.contact_id)
    return lambda person: column.in_(select(Message.id).where(theirs(person)))


def _done_by(person: Person) -> ColumnElement[bool]:
    as_visitor = ContactEvent.anonymous_id.in_(person.visitors)
    unclaimed = ContactEvent.contact_id.is_(None) & as_visitor
    return or_(ContactEvent.contact_id.in_(person.ids), unclaimed)


def _that_names(person: Person) -> ColumnElement[bool]:
    # An event that we could not use belongs to nobody: it is looked for by what it says.
    found = (RejectedEvent.raw.icontains(text, autoescape=True) for text in person.spelt)
    return or_(false(), *found)


def _reported_of(person: Person) -> ColumnElement[bool]:
    theirs = own(Message.contact_id)(person)
    by_ses = select(Message.ses_message_id).where(theirs, Message.ses_message_id.is_not(None))
    return or_(
        of_message(Feedback.message_id)(person),
        Feedback.ses_message_id.in_(by_ses),
    )


#: What is held of a contact. Whatever is deleted goes before what it refers to, in whatever order
#: it stands here.
HOLDINGS: Final = (
    Holding(
        Contact,
        own(Contact.id),
        Stays(
            keeps="id rests_until erased_at merged_into created_at updated_at",
            empties={
                "email": None,
                "first_name": None,
                "last_name": None,
                "locale": None,
                "timezone": None,
                "timezone_by": None,
                "country": None,
                "traits": {},
                "traits_at": {},
                "suppression_owed": None,
            },
        ),
    ),
    Holding(Identity, own(Identity.contact_id), Deleted()),
    Holding(
        Consent,
        own(Consent.contact_id),
        Stays(keeps="contact_id purpose status changed_at basis", hashes=("order_id",)),
    ),
    Holding(
        ConsentChange,
        own(ConsentChange.contact_id),
        Stays(
            keeps="id contact_id purpose status at basis wording_version wording_digest",
            empties={"source": "", "page_url": None, "ip_mark": None},
            hashes=("event_id", "order_id"),
        ),
    ),
    Holding(Preferences, own(Preferences.contact_id), Deleted()),
    Holding(
        Notice,
        own(Notice.contact_id),
        Stays(
            keeps="id hook webhook_id contact_id kind purpose status reason at attempts due_at",
            empties={"source": ""},
        ),
    ),
    Holding(
        PrivacyRequest,
        own(PrivacyRequest.contact_id),
        Stays(keeps="id request_id source kind contact_id asked_at done_at"),
    ),
    Holding(
        Suppression,
        lambda person: Suppression.address_hash.in_(person.address_keys),
        Stays(keeps="address_hash reason at", hashes=("source",)),
    ),
    Holding(
        ContactEvent,
        _done_by,
        Stays(
            keeps="id type name contact_id occurred_at received_at",
            empties={"properties": {}, "anonymous_id": None},
            hashes=("message_id",),
        ),
    ),
    Holding(RejectedEvent, _that_names, Deleted()),
    Holding(OutboxEntry, own(OutboxEntry.contact_id), Deleted()),
    Holding(
        Visit,
        own(Visit.contact_id),
        Stays(keeps="event_id contact_id at", empties={"url": None, "title": None}),
    ),
    Holding(Cart, own(Cart.contact_id), Deleted()),
    Holding(OpenCase, own(OpenCase.contact_id), Deleted()),
    Holding(
        Order,
        own(Order.contact_id),
        Stays(
            keeps="contact_id total amount currency state ordered_at updated_at",
            empties={"products": [], "details": {}},
            hashes=("order_id",),
        ),
    ),
    Holding(
        OrderLine,
        own(OrderLine.contact_id),
        Stays(keeps="contact_id product_id quantity ordered_at state", hashes=("order_id",)),
    ),
    Holding(ContactSummary, own(ContactSummary.contact_id), Deleted()),
    Holding(SegmentMembership, own(SegmentMembership.contact_id), Deleted()),
    Holding(SegmentStay, own(SegmentStay.contact_id), Deleted()),
    Holding(SendTimeChoice, own(SendTimeChoice.contact_id), Deleted()),
    Holding(
        Review,
        own(Review.contact_id),
        Chosen(
            columns="id product_id contact_id author rating text locale written_on source state "
            "changed_at",
            forget=forget_reviews,
        ),
    ),
    Holding(
        Enrollment,
        own(Enrollment.contact_id),
        Stays(
            keeps="id flow flow_version contact_id workflow_id trigger_event_id state "
            "parked_reason parked_code parked_at step_id next_send_at exit_reason exit_owed "
            "started_at ended_at last_seq delivered_seq due_at signalled_at leased_until "
            "moving_since",
            hashes=("entry_key",),
        ),
    ),
    Holding(
        Delivery,
        of_enrollment(Delivery.enrollment_id),
        Stays(
            keeps="enrollment_id seq event_id matched urgent exit_reason moves_to looks begins "
            "created_at delivered_at",
            hashes=("message_id",),
        ),
    ),
    Holding(
        Message,
        own(Message.contact_id),
        Stays(
            keeps="id enrollment_id step_id contact_id flow flow_version template template_digest "
            "purpose state attempts skip_reason resent_in_doubt settled_by ses_message_id "
            "claimed_at dispatched_at accepted_at sent_on locale tracks_opens tracks_clicks",
            empties={"note": None},
        ),
    ),
    Holding(
        Draw,
        own(Draw.contact_id),
        Stays(keeps="experiment contact_id variant round drawn_at"),
    ),
    Holding(
        EnrollmentVariant,
        of_enrollment(EnrollmentVariant.enrollment_id),
        Stays(keeps="enrollment_id experiment variant at"),
    ),
    Holding(
        Approval,
        of_message(Approval.message_id),
        Stays(keeps="message_id template_digest is_approved by at", empties={"note": None}),
    ),
    Holding(Overlap, of_message(Overlap.message_id), Stays(keeps="message_id at")),
    Holding(MessageLinks, of_message(MessageLinks.message_id), Deleted()),
    Holding(MessageCopy, of_message(MessageCopy.message_id), Deleted()),
    Holding(
        MessageFate,
        of_message(MessageFate.message_id),
        Stays(keeps="message_id state detail at", empties={"address_hash": None}),
    ),
    Holding(Engagement, own(Engagement.contact_id), Deleted()),
    # Made anew from what stays, by the next look at the facts.
    Holding(MessageEffect, of_message(MessageEffect.message_id), Deleted()),
    Holding(OrderResult, own(OrderResult.contact_id), Deleted()),
    Holding(CartResult, own(CartResult.contact_id), Deleted()),
    Holding(ContactResult, own(ContactResult.contact_id), Deleted()),
    Holding(Prediction, own(Prediction.contact_id), Deleted()),
    Holding(NextBest, own(NextBest.contact_id), Deleted()),
    Holding(
        Feedback,
        _reported_of,
        Stays(
            keeps="id type kind detail message_id ses_message_id is_ours at read_at",
            empties={"raw": {}},
        ),
    ),
    # Nobody else gets a code that was taken, whosever it was.
    Holding(
        OfferCode,
        own(OfferCode.contact_id),
        Stays(keeps="id offer key code source taken_at", empties={"contact_id": None}),
    ),
    Holding(
        OfferClaim,
        own(OfferClaim.contact_id),
        Stays(keeps="id offer contact_id code_id code key claimed_at sent_at expires_at"),
    ),
    Holding(
        EnrollmentClaim,
        of_enrollment(EnrollmentClaim.enrollment_id),
        Stays(keeps="enrollment_id offer claim_id"),
    ),
    Holding(
        Redemption,
        own(Redemption.contact_id),
        Stays(keeps="key offer contact_id claim_id redeemed_at", hashes=("order_id",)),
    ),
    Holding(
        Referral,
        own(Referral.friend_id),
        Stays(keeps="friend_id referrer_id claim_id referred_at", hashes=("order_id",)),
    ),
    # The order is the friend's; whoever is erased here only told them of the shop.
    Holding(
        Referral,
        own(Referral.referrer_id),
        Stays(keeps="friend_id referrer_id claim_id referred_at order_id"),
    ),
    Holding(
        Erasure,
        own(Erasure.contact_id),
        Stays(keeps="id contact_id contact_ids erased_at by why tables enrollments_ended"),
    ),
)

#: Tables with nothing of any contact, each with the reason.
NOT_HELD: Final[Mapping[str, str]] = {
    "audit_log": "what the staff did on the dashboard, by ids",
    "consent_hooks": "systems of the shop that are told of consent",
    "drops": "what goes on sale at an instant",
    "edits": "texts of e-mails that the staff wrote",
    "expiries": "how far each rule of expiry has come",
    "experiments": "what is compared with what, by which plan",
    "feedback_probes": "our own messages to SES's mailbox simulator",
    "feedback_queues": "how far a queue has been read",
    "holdout_days": "what holdouts came to, in sums over many contacts",
    "imported_files": "how far a file has been taken over, by its digest",
    "flow_versions": "flows as they were published",
    "metric_counts": "numbers added up over many",
    "metric_days": "which days have been counted",
    "metric_marks": "how far the facts have been counted",
    "looks": "what experiments came to, in sums over many contacts",
    "monday_mails": "which weeks the staff have been told of",
    "modes": "what is draft, manual or live, and by whom on the staff",
    "pairings": "what goes with what",
    "place_stocks": "how many of a size there are at a place",
    "prediction_models": "what was learnt from all contacts, and how far a run has come",
    "product_changes": "what is news of products, and how far it has been told",
    "product_prices": "what products cost, and when",
    "product_variants": "sizes and colours of products",
    "products": "what the shop sells",
    "ses_quota": "what SES lets the account send",
    "segment_watches": "which segments are watched, and how far the first look has come",
    "shop_figures": "figures over all contacts",
    "switches": "what is stopped, and by whom on the staff",
    "staff": "who works here, and is no contact",
    "staff_sessions": "who of the staff is logged in",
    "templates": "e-mails before anybody's name is put in",
    "variant_stocks": "how many of a size there are",
}
