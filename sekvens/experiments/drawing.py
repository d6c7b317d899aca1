"""Drawing: a contact's variant is found, or drawn by lot and written down, once.

In the caller's transaction. Whoever draws at the same time comes to the same, and one row stands.
What was drawn is kept: a later plan, an adoption and a new entry into the flow change nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.experiments.plan import Plan
from sekvens.experiments.tables import Draw, EnrollmentVariant, ExperimentPlan, ExperimentState
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.lots import EVERYTHING, draw

#: Whoever changes an experiment keeps others from changing it, and nobody from drawing in it.
ROW_ONLY: Final[dict[str, Any]] = {"key_share": True}


def variant_of(session: Session, plan: Plan, *, contact_id: str, now: datetime) -> str:
    """Tell a contact's variant in an experiment, drawn now (shop time) if it was not before.

    `contact_id` is the canonical contact. Who is held out of everything draws like everybody:
    `measuring` leaves them out.
    """
    kept = kept_variant(session, plan.name, contact_id)
    if kept in plan.variants:
        return kept
    begun = _begun(session, plan, now=now)
    if begun.state != ExperimentState.RUNNING or kept is not None:
        return begun.adopted if begun.adopted in plan.variants else plan.first
    counts = plan.is_same_as(plan_of(begun))
    values = {
        "experiment": plan.name,
        "contact_id": contact_id,
        "variant": draw(plan.name, contact_id, plan.weights),
        "round": begun.round if counts else None,
        "drawn_at": now,
    }
    session.execute(_insert(session, Draw).values(values).on_conflict_do_nothing())
    return kept_variant(session, plan.name, contact_id) or plan.first


def go_on_by(
    session: Session,
    plan: Plan,
    *,
    enrollment_id: str,
    contact_id: str,
    now: datetime,
    now_wall: datetime,
) -> str:
    """Tell by which variant an enrollment goes on; if its contact has drawn it, that is kept.

    `contact_id` is the canonical contact, `now` shop time.
    """
    variant = variant_of(session, plan, contact_id=contact_id, now=now)
    if kept_variant(session, plan.name, contact_id) == variant:
        values = {
            "enrollment_id": enrollment_id,
            "experiment": plan.name,
            "variant": variant,
            "at": now_wall,
        }
        kept = _insert(session, EnrollmentVariant).values(values)
        session.execute(kept.on_conflict_do_nothing())
    return variant


def is_held_out(session: Session, plan: Plan, *, contact_id: str, now: datetime) -> bool:
    """Tell whether a holdout keeps a contact out, drawn now if it was not before."""
    if variant_of(session, plan, contact_id=contact_id, now=now) != HOLDOUT:
        return False
    return session.get_one(ExperimentPlan, plan.name).state == ExperimentState.RUNNING


def is_held_out_of_everything(session: Session, contact_ids: Sequence[str]) -> bool:
    """Tell whether a person, by all that they are known as, is to get no marketing at all."""
    found = exists().where(
        Draw.experiment == EVERYTHING, Draw.contact_id.in_(contact_ids), Draw.variant == HOLDOUT
    )
    return bool(session.scalar(select(found)))


def kept_variant(session: Session, experiment: str, contact_id: str) -> str | None:
    """Tell what a contact has drawn in an experiment, if they have."""
    query = select(Draw.variant).where(Draw.experiment == experiment)
    return session.scalar(query.where(Draw.contact_id == contact_id))


def plan_of(begun: ExperimentPlan) -> Plan:
    """Read the plan that an experiment goes by."""
    return from_json(Plan, begun.plan)


def merge_draws(session: Session, *, winner_id: str, loser_id: str) -> None:
    """Let what was drawn first stand, where two contacts are one."""
    for theirs in session.scalars(select(Draw).where(Draw.contact_id == loser_id)).all():
        mine = session.get(Draw, (theirs.experiment, winner_id))
        if mine is None:
            mine = Draw(experiment=theirs.experiment, contact_id=winner_id)
            session.add(mine)
        elif mine.drawn_at <= theirs.drawn_at:
            session.delete(theirs)
            continue
        mine.variant, mine.round, mine.drawn_at = theirs.variant, theirs.round, theirs.drawn_at
        session.delete(theirs)


def _begun(session: Session, plan: Plan, *, now: datetime) -> ExperimentPlan:
    """Find an experiment as it was begun; begin it, or a new round of it, if need be."""
    found = session.get(ExperimentPlan, plan.name)
    if found is None:
        first = {
            "name": plan.name,
            "round": 1,
            "plan": to_json(plan),
            "state": ExperimentState.RUNNING,
            "began_at": now,
        }
        session.execute(_insert(session, ExperimentPlan).values(first).on_conflict_do_nothing())
        found = session.get_one(ExperimentPlan, plan.name)
    if _is_newer(plan, plan_of(found)):
        session.refresh(found, with_for_update=ROW_ONLY)
        old = plan_of(found)  # another may have been quicker
        if _is_newer(plan, old):
            _begin_again(found, plan, counts=plan.is_same_as(old), now=now)
    return found


def _is_newer(plan: Plan, old: Plan) -> bool:
    """Tell whether a plan replaces the one that is gone by: those of one version may differ, too.

    The settings' holdout has no versions: there the latest is meant.
    """
    if plan == old:
        return False
    return plan.version > old.version or (plan.flow is None and not plan.is_same_as(old))


def _begin_again(found: ExperimentPlan, plan: Plan, *, counts: bool, now: datetime) -> None:
    found.plan = to_json(plan)
    if counts:  # a new version of the flow, with the same experiment
        return
    found.round += 1
    found.state, found.began_at = ExperimentState.RUNNING, now
    found.adopted = found.decided_at = found.decided_by = None


def _insert(session: Session, table: type[Any]) -> Any:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(table)
