"""The way into a flow: trigger age, re-entry, entry conditions; then the row and the owed start.

Everything is decided and written in the caller's transaction, one contact at a time, so a contact
never enters twice for want of a lock. The relay starts the workflow afterwards.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact
from sekvens.db.base import new_id
from sekvens.enrollments import names
from sekvens.enrollments.position import next_send_at
from sekvens.enrollments.publish import PublishedFlow
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.events.tables import ContactEvent
from sekvens.experiments.drawing import is_held_out
from sekvens.experiments.plan import of_flow
from sekvens.flows.conditions import AllOf, Condition
from sekvens.flows.definition import Audience, Flow
from sekvens.flows.keys import key_of
from sekvens.flows.steps import Mode
from sekvens.modes.setting import mode_now
from sekvens.segments import sql


class EntryRefusal(StrEnum):
    """Why a contact did not enter a flow."""

    NO_ENTRY_KEY = "no_entry_key"  #: the trigger lacks the property that tells entries apart
    TOO_OLD = "too_old"  #: the trigger lies further back than the flow allows: an import, perhaps
    UNDER_WAY = "under_way"  #: the contact is in this flow now
    REENTRY = "reentry"  #: the contact has been here, and the flow does not take them again yet
    CONDITIONS = "conditions"  #: the entry conditions do not hold
    GONE = "gone"  #: the contact has been erased
    HOLDOUT = "holdout"  #: the lot keeps the contact out of this flow, for comparison
    DRAFT = "draft"  #: the flow is a draft: nobody enters


class Earlier(NamedTuple):
    """A contact's earlier entry into the same flow."""

    is_over: bool
    entry_key: str | None
    started_at: datetime  #: shop time


@dataclass(frozen=True, kw_only=True)
class NotEnrolled:
    """The contact did not enter, and this is why."""

    reason: EntryRefusal


def enroll(
    session: Session,
    published: PublishedFlow,
    *,
    contact_id: str,
    entry_key: str | None,
    trigger: ContactEvent | None,
    now_wall: datetime,
    now_shop: datetime,
    contact_ids: Sequence[str] = (),
) -> Enrollment | NotEnrolled:
    """Let a contact into a flow, if it takes them, and owe the enrollment its start.

    `contact_id` is the canonical contact; `contact_ids` are all that the person is known as, the
    canonical one first, where the caller knows them already and has the relay's turn. Without a
    trigger (a person enrolls by hand) no age is checked.
    """
    result = admit(
        session,
        published,
        contact_id=contact_id,
        entry_key=entry_key,
        trigger=trigger,
        learned_at=now_shop,
        now_wall=now_wall,
        now_shop=now_shop,
        contact_ids=contact_ids,
    )
    if isinstance(result, Enrollment):
        session.add(result)
        session.flush()
        session.add(start_of(result, trigger, now_wall))
    return result


def admit(  # noqa: PLR0913  a decision is told all that it rests on
    session: Session,
    published: PublishedFlow,
    *,
    contact_id: str,
    entry_key: str | None,
    trigger: ContactEvent | None,
    learned_at: datetime,
    now_wall: datetime,
    now_shop: datetime,
    contact_ids: Sequence[str] = (),
    by_scan: bool = False,
) -> Enrollment | NotEnrolled:
    """Decide as `enroll` does, and enroll nobody: for a caller that writes many rows at once.

    A trigger's age is what it was at `learned_at` (shop time), when the event became this
    contact's: old news enrolls nobody, and an outage of ours makes no news old. `by_scan`: a scan
    found the contact, so the conditions of the flow's audience must hold, too; whom a person or
    another flow enrolls need not be in it. Of a flow with a holdout, the lot decides at last, and
    what it said is written down at once.
    """
    flow = published.flow
    if flow.entry_key is not None and not entry_key:
        return NotEnrolled(reason=EntryRefusal.NO_ENTRY_KEY)
    if trigger is not None and learned_at - trigger.occurred_at > flow.trigger_age_max:
        return NotEnrolled(reason=EntryRefusal.TOO_OLD)
    if mode_now(session, flow) is Mode.DRAFT:
        return NotEnrolled(reason=EntryRefusal.DRAFT)
    key = entry_key if flow.entry_key is not None else None
    take_turn(session, Turn.ENROLL, contact_id)
    ids = tuple(contact_ids) or _known_now(session, contact_id)
    if not ids:
        return NotEnrolled(reason=EntryRefusal.GONE)
    contact_id = ids[0]
    refusal = refusal_of(
        session, flow, contact_ids=ids, entry_key=key, now=now_shop, by_scan=by_scan
    )
    if refusal is not None:
        return NotEnrolled(reason=refusal)
    if flow.holdout and is_held_out(session, of_flow(flow), contact_id=contact_id, now=now_shop):
        return NotEnrolled(reason=EntryRefusal.HOLDOUT)
    return Enrollment(
        id=new_id("e"),
        flow=flow.name,
        flow_version=flow.version,
        contact_id=contact_id,
        entry_key=key,
        workflow_id=names.workflow_id(flow.name, contact_id, key),
        trigger_event_id=trigger.id if trigger is not None else None,
        state=EnrollmentState.ACTIVE,
        step_id=published.graph.first,
        next_send_at=next_send_at(published.graph, published.graph.first, now=now_shop),
        started_at=now_shop,
        last_seq=0,
        delivered_seq=-1,
        due_at=now_wall,
    )


def entry_key_of(flow: Flow, properties: dict[str, object]) -> str | None:
    """Read a trigger's entry key; None when the flow has none, or the trigger lacks it."""
    value = properties.get(flow.entry_key) if flow.entry_key is not None else None
    return key_of(value) if isinstance(value, str | int) and str(value).strip() else None


def is_in_the_way(flow: Flow, under_way: str | None, wanted: str | None) -> bool:
    """Tell whether an entry under way keeps the same person from entering with another key.

    The same key runs once at a time even where the flow always takes people again: its workflow id
    is the same.
    """
    return flow.reentry.rule in ("once", "after") or under_way == wanted


def asked_at_entry(flow: Flow, *, by_scan: bool) -> tuple[Condition, ...]:
    """List what is asked of a contact who is to enter; those of the audience only by its scan."""
    trigger = flow.trigger
    found_by = trigger.conditions if by_scan and isinstance(trigger, Audience) else ()
    return (*found_by, *flow.trigger_when, *flow.entry, *flow.stay_while)


def refusal_by_earlier(
    flow: Flow, earlier: Collection[Earlier], *, entry_key: str | None, now: datetime
) -> EntryRefusal | None:
    """Tell why a flow does not take a contact again at `now` (shop time), by its own rule alone."""
    for entry in earlier:
        if not entry.is_over and is_in_the_way(flow, entry.entry_key, entry_key):
            return EntryRefusal.UNDER_WAY
    if earlier and flow.reentry.rule == "once":
        return EntryRefusal.REENTRY
    same_key = any(entry.entry_key == entry_key for entry in earlier)
    if same_key and flow.reentry.rule == "each":
        return EntryRefusal.REENTRY
    if earlier and flow.reentry.rule == "after":
        last_start = max(entry.started_at for entry in earlier)
        if now - last_start < flow.reentry.gap:
            return EntryRefusal.REENTRY
    return None


def refusal_of(
    session: Session,
    flow: Flow,
    *,
    contact_ids: tuple[str, ...],
    entry_key: str | None,
    now: datetime,
    by_scan: bool = False,
) -> EntryRefusal | None:
    """Tell why a flow does not take a contact at `now` (shop time); None: it does.

    Only `admit` makes sure that nobody else enrolls them meanwhile.
    """
    query = select(Enrollment.state, Enrollment.entry_key, Enrollment.started_at).where(
        Enrollment.flow == flow.name, Enrollment.contact_id.in_(contact_ids)
    )
    earlier = [
        Earlier(row.state == EnrollmentState.ENDED, row.entry_key, row.started_at)
        for row in session.execute(query)
    ]
    refusal = refusal_by_earlier(flow, earlier, entry_key=entry_key, now=now)
    if refusal is not None:
        return refusal
    asked = asked_at_entry(flow, by_scan=by_scan)
    if not asked:
        return None
    holds = sql.holds(
        session,
        AllOf(conditions=asked),
        contact_id=contact_ids[0],
        contact_ids=contact_ids,
        now=now,
        entry_key=entry_key,
    )
    return None if holds else EntryRefusal.CONDITIONS


def _known_now(session: Session, contact_id: str) -> tuple[str, ...]:
    """List all that a person is known as, the canonical contact first; nothing if they are erased.

    Asked in turn, for whoever merges or erases a contact takes the same turn: what was known of
    them before may be old.
    """
    stands = canonical_id(session, contact_id)
    if stands != contact_id:
        take_turn(session, Turn.ENROLL, stands)
    if session.scalar(select(Contact.erased_at).where(Contact.id == stands)) is not None:
        return ()
    return known_as(session, [stands])[stands]


def start_of(enrollment: Enrollment, trigger: ContactEvent | None, now_wall: datetime) -> Delivery:
    """Make the delivery of an enrollment's start."""
    return Delivery(
        enrollment_id=enrollment.id,
        seq=0,
        event_id=trigger.id if trigger is not None else None,
        message_id=trigger.message_id if trigger is not None else "",
        matched=[],
        urgent=False,
        created_at=now_wall,
    )
