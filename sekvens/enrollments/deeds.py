"""Steps that send nothing, carried out: a fact written, a webhook called, a contact enrolled.

Each is written in one transaction with the position that follows, and may be asked for any number
of times: a repeat changes nothing. Nor is anything done that a committed fact has overtaken.
"""

import logging
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact
from sekvens.contacts.traits import apply_traits
from sekvens.db.session import Database
from sekvens.enrollments.enroll import NotEnrolled, enroll
from sekvens.enrollments.exits import exit_of
from sekvens.enrollments.position import park, stand_at
from sekvens.enrollments.publish import live_flow, pinned_flow
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import CarryOutInput
from sekvens.errors import UnknownFlow
from sekvens.events.ingest import record_fact
from sekvens.events.schema import CONTACT_SUPPRESSED, EMAIL_SUBSCRIBED, UNSUBSCRIBED
from sekvens.flows.codec import from_json
from sekvens.flows.outcomes import Done, Outcome, Parked, Skipped, SkipReason
from sekvens.flows.steps import Deed, Enroll, Mode, Rest, SetConsent, SetTrait, Suppress, Webhook
from sekvens.modes.setting import mode_now

logger = logging.getLogger(__name__)


class Webhooks(Protocol):
    """What calls the shop's own systems: `sekvens.webhooks.caller.WebhookCaller`."""

    def call(self, order: CarryOutInput, name: str) -> Outcome:
        """Call one, once, and tell whether it is done, tried again later, or parked."""
        ...


class Deeds:
    """Carries out the steps that send nothing; called by many threads at once."""

    def __init__(self, *, database: Database, clock: Clock, webhooks: Webhooks) -> None:
        self._database = database
        self._clock = clock
        self._webhooks = webhooks

    def carry_out(self, order: CarryOutInput) -> Outcome:
        """Do what one step says, unless a person decided that it is not done."""
        deed: Deed = from_json(Deed, order.step)  # type: ignore[arg-type]
        if order.skip:
            return self._settle(order, Done(text="skipped"))
        if self._is_draft(order, deed):
            return self._settle(order, Done(text="passed over, a draft"))
        if isinstance(deed, Webhook):
            with self._database.read() as session:
                exited = _exited(session, order)
            # Outside any transaction: somebody else's server may take its time.
            return exited or self._settle(order, self._webhooks.call(order, deed.name))
        with self._database.write() as session:
            outcome = _exited(session, order) or self._write(session, order, deed)
            _move(session, order, outcome, now=self._clock.now())
        return outcome

    def _is_draft(self, order: CarryOutInput, deed: Deed) -> bool:
        with self._database.read() as session:
            version = session.get_one(Enrollment, order.enrollment_id).flow_version
            flow = pinned_flow(session, order.flow, version).flow
            return mode_now(session, flow, deed) is Mode.DRAFT

    def _settle(self, order: CarryOutInput, outcome: Outcome) -> Outcome:
        with self._database.write() as session:
            _move(session, order, outcome, now=self._clock.now())
        return outcome

    def _write(self, session: Session, order: CarryOutInput, deed: Deed) -> Outcome:
        contact_id = canonical_id(session, order.contact_id)
        now = self._clock.now()
        match deed:
            case SetTrait():
                contact = session.get_one(Contact, contact_id)
                apply_traits(contact, {deed.trait: deed.value}, at=order.due_at, now=now)
                return Done()
            case SetConsent():
                name = EMAIL_SUBSCRIBED if deed.status == "subscribed" else UNSUBSCRIBED
                _record(session, order, name, {"source": f"flow {order.flow}"}, now=now)
                return Done(text=deed.status)
            case Suppress():
                _record(session, order, CONTACT_SUPPRESSED, {"reason": deed.reason}, now=now)
                return Done(text=f"suppressed, {deed.reason}")
            case Rest():
                contact = session.get_one(Contact, contact_id)
                until = order.due_at + deed.duration
                contact.rests_until = max(contact.rests_until or until, until)
                return Done(text="rests")
            case Enroll():
                return self._enroll(session, order, deed, contact_id)
            case _:
                raise AssertionError(deed.kind)

    def _enroll(
        self, session: Session, order: CarryOutInput, deed: Enroll, contact_id: str
    ) -> Outcome:
        try:
            published = live_flow(session, deed.flow)
        except UnknownFlow:
            return Done(text=f"{deed.flow} is off")
        result = enroll(
            session,
            published,
            contact_id=contact_id,
            entry_key=None,
            trigger=None,
            now_wall=self._clock.now(),
            now_shop=order.now,
        )
        if isinstance(result, NotEnrolled):
            logger.info(
                "%s/%s: not enrolled in %s: %s", order.flow, deed.id, deed.flow, result.reason,
                extra={"action": "entries_refused", "enrollment_id": order.enrollment_id},
            )  # fmt: skip
            return Done(text=f"not enrolled in {deed.flow}, {result.reason}")
        return Done(text=f"enrolled in {deed.flow}")


def _exited(session: Session, order: CarryOutInput) -> Skipped | None:
    """Leave undone what a committed fact has overtaken: who is back is not suppressed."""
    enrollment = session.get_one(Enrollment, order.enrollment_id)
    graph = pinned_flow(session, enrollment.flow, enrollment.flow_version).graph
    contact_id = canonical_id(session, order.contact_id)
    contact_ids = known_as(session, [contact_id])[contact_id]
    reason = exit_of(session, enrollment, graph, contact_ids, but=_fact_of(order))
    return None if reason is None else Skipped(reason=SkipReason.EXITED, exit=reason)


def _move(session: Session, order: CarryOutInput, outcome: Outcome, *, now: datetime) -> None:
    if isinstance(outcome, Done):
        stand_at(session, order.enrollment_id, order.next_step, now=order.now)
    elif isinstance(outcome, Parked):
        park(
            session,
            order.enrollment_id,
            outcome.reason,
            step_id=order.step["id"],
            code=outcome.code,
            now=now,
        )


def _record(
    session: Session, order: CarryOutInput, name: str, properties: dict[str, str], *, now: datetime
) -> None:
    record_fact(
        session,
        contact_id=order.contact_id,
        name=name,
        message_id=_fact_of(order),
        properties=properties | {"flow": order.flow, "step": order.step["id"]},
        occurred_at=order.due_at,
        now=now,
    )


def _fact_of(order: CarryOutInput) -> str:
    """Tell the `messageId` of the fact that a deed records."""
    return f"{order.enrollment_id}/{order.step['id']}"
