"""A shop in the middle of its day, for the pages of the dashboard: flows, contacts, what became."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.publish import StoreTemplates, publish
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.feedback.tables import Feedback, MessageFate
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.outcomes import SkipReason
from sekvens.messages.tables import Message
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
