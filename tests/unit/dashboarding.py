"""A shop in the middle of its day, for the pages of the dashboard: flows, contacts, what became."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.contacts.suppression import suppress
from sekvens.contacts.tables import Consent, ConsentChange, ConsentStatus, SuppressionReason
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.publish import StoreTemplates, publish
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import Feedback, MessageFate
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.steps import ExitReason
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message
from sekvens.messages.verdicts import why_held
from sekvens.metrics.refresh import Refresher
from sekvens.metrics.rules import Rules
from sekvens.settings import Settings
from tests.unit.ingesting import NOON, Shop, identify, track

FLOWS: Final = ("cart-abandonment", "welcome")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: What somebody may call themselves.
NASTY: Final = "<script>alert(1)</script>"


def no_templates(_session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Stand in for the store of templates."""
    del now
    return dict.fromkeys(names, "plain")


def fill(
    database: Database, settings: Settings, *, store_templates: StoreTemplates = no_templates
) -> dict[str, str]:
    """Let a shop live for a few days until noon; tell its contacts' ids by what they are."""
    with database.write() as session:
        for flow in CATALOGUE:
            if flow.name in FLOWS:
                publish(session, flow, now=NOON - 40 * DAY, store_templates=store_templates)
    shop = Shop(database)
    people = {"asta": "Asta Alm", "bo": "Bo Berg", "nasty": NASTY}
    for user, name in people.items():
        shop.post(
            identify(user, email=f"{user}@kund.example", firstName=name, shoe=NASTY, locale="sv"),
            track("Email Subscribed", user, ago=5 * 24 * 60),
        )
    ids = {user: shop.contact_id(user) for user in people}
    shop.post(track("Order Completed", "asta", ago=60, order_id="1001", total="499.00",
                    currency=settings.shop.currency))  # fmt: skip
    with database.write() as session:
        _live(session, ids)
    Refresher(database=database, clock=FrozenClock(NOON), rules=Rules.of(settings)).refresh()
    return ids


def _live(session: Session, ids: dict[str, str]) -> None:
    _enroll(session, "d-1", ids["asta"], "cart-abandonment", step_id="until-day-one",
            state=EnrollmentState.ENDED, exit_reason="converted", ended_at=NOON - HOUR)  # fmt: skip
    _enroll(session, "d-2", ids["bo"], "cart-abandonment", step_id="looked-again")
    _enroll(session, "d-3", ids["nasty"], "welcome", step_id="hello", entry_key=None,
            state=EnrollmentState.PARKED, parked_at=NOON, parked_code="template")  # fmt: skip
    _send(session, "n-1", "d-1", "your-cart-misses-you", NOON - 3 * HOUR, clicked=True)
    _send(session, "n-2", "d-2", "your-cart-misses-you", NOON - 2 * DAY)
    _send(session, "n-3", "d-2", "questions-answered", NOON - 2 * HOUR, state="skipped",
          skip_reason=SkipReason.FREQUENCY_CAP)  # fmt: skip


def meet_everything(database: Database) -> str:
    """Let one contact meet with every reason, state and note that there is; tell their id."""
    shop = Shop(database)
    shop.post(
        identify("all", email="all@kund.example"),
        track("Product Removed", "all", ago=30, product_id="cap"),
        track("Product Added", "all", ago=31, product_id="cap"),
    )
    whose = shop.contact_id("all")
    with database.write() as session:
        _enroll(session, "all", whose, "welcome", step_id="hello")
        for number, exit_reason in enumerate(ExitReason):
            _enroll(session, f"x-{number}", whose, "welcome", state=EnrollmentState.ENDED,
                    exit_reason=exit_reason, ended_at=NOON - HOUR, step_id="hello")  # fmt: skip
        for code, why in PARKED.items():
            _enroll(session, f"p-{code}", whose, "welcome", step_id="hello",
                    state=EnrollmentState.PARKED, parked_at=NOON, parked_code=code,
                    parked_reason=why)  # fmt: skip
        _write_to(session, whose)
        suppress(session, "all@kund.example", reason=SuppressionReason.COMPLAINT, at=NOON,
                 source="e-1")  # fmt: skip
    return whose


#: What parks an enrollment -> in words of ours, or of a template's.
PARKED: Final = {
    "bug": "welcome/hello met a bug of ours: KeyError at gate.py:12. The worker's log has the way "
    "there (action=bug_met); mend it and retry, or skip the step",
    "webhook": "welcome/tell: the webhook crm has failed for a day: it answered 503",
    "offer_pool_empty": "no code is left for the offer 'gift': create more in the shop's checkout, "
    "import them (starter.py offers import gift FILE), then retry the enrollment",
    "template": "the name of the cart is not there, and the template asks for it",
}
#: What the ledger notes of a message that waits.
NOTES: Final = (
    # What is manual waits with a text to look at (`tests.unit.sending`).
    *(why_held(each) for each in (*HoldReason, *HeldBy) if each != HeldBy.MANUAL),
    "SES said 429 TooManyRequestsException: the rate of the account is exceeded",
    "SES cannot be reached (EndpointConnectionError); look at ses.endpoint_url",
    "the lock of contact c-1 was not free within 2 s",
    "OperationalError before the call",
)
#: Where a word of consent came from.
SOURCES: Final = (
    "api", "checkout", "merge", "form", "form footer", "shopify", "preference page",
    "one-click unsubscribe", "unsubscribe link", "flow sunset",
)  # fmt: skip


def _write_to(session: Session, whose: str) -> None:
    """Let every kind of thing become of a message, and every kind of word be given."""
    at = NOON - 2 * HOUR
    for reason in SkipReason:
        _send(session, f"s-{reason}", "all", f"s-{reason}", at, state="skipped",
              skip_reason=reason)  # fmt: skip
    for number, note in enumerate(NOTES):
        _send(session, f"w-{number}", "all", f"w-{number}", at, state="pending", note=note)
    for fate in FateState:
        _send(session, f"f-{fate}", "all", f"f-{fate}", at)
        row = session.get_one(MessageFate, f"f-{fate}")
        row.state, row.detail = fate, "5.7.1 for the policy of the receiver"
    purposes = itertools.cycle(["marketing", "tracking/clicks", "tracking/opens", "topic/news"])
    statuses = itertools.cycle(ConsentStatus)
    for number, source in enumerate(SOURCES):
        session.add(
            ConsentChange(contact_id=whose, purpose=next(purposes), status=next(statuses),
                          at=at, source=source, event_id=f"e-{number}")
        )  # fmt: skip
    for purpose, status in zip(["marketing", "tracking/opens"], ConsentStatus, strict=False):
        session.add(Consent(contact_id=whose, purpose=purpose, status=status, changed_at=at))


def _enroll(session: Session, key: str, contact_id: str, flow: str, **values: Any) -> None:
    version = next(each.version for each in CATALOGUE if each.name == flow)
    given = {"entry_key": key, "started_at": NOON - 3 * DAY} | values
    session.add(
        Enrollment(
            id=key, flow=flow, flow_version=version, contact_id=contact_id,
            workflow_id=f"{flow}/{contact_id}/{key}", **given,
        )
    )  # fmt: skip
    session.flush()


def _send(
    session: Session, key: str, enrollment: str, step: str, at: datetime, *,
    clicked: bool = False, **values: Any,
) -> None:  # fmt: skip
    row = session.get_one(Enrollment, enrollment)
    given = {"state": "accepted"} | values
    is_sent = given["state"] == "accepted"
    session.add(
        Message(
            id=key, enrollment_id=enrollment, step_id=step, contact_id=row.contact_id,
            flow=row.flow, flow_version=row.flow_version, template=f"{row.flow}/{step}",
            template_digest="plain", purpose="marketing", claimed_at=at, locale="sv",
            sent_on=at if is_sent else None, accepted_at=at if is_sent else None,
            tracks_opens=True, tracks_clicks=True, **given,
        )
    )  # fmt: skip
    session.flush()
    if is_sent:
        session.add(MessageFate(message_id=key, state="delivered", at=at))
        session.add(Feedback(id=f"f-{key}", type="Delivery", message_id=key, is_ours=True, at=at,
                             read_at=at, raw={}, kind="delivered"))  # fmt: skip
    if clicked:
        session.add(
            Engagement(
                kind="click", source="link", message_id=key, link_id="l",
                contact_id=row.contact_id, at=at + HOUR, is_machine=False,
            )
        )  # fmt: skip
