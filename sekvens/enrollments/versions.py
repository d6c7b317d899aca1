"""What became of a flow, version by version: who published what, why, and whom it moves.

A version that moves people is a fact like any other: the relay reads it and tells each enrollment
(`sekvens.enrollments.moves`). Taking a version back is publishing the one before once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from sekvens.enrollments.publish import Change, add_version, make_live
from sekvens.enrollments.stranded import refuse_stranding, successors_into
from sekvens.enrollments.tables import FlowVersion
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.enrollments.wire import FlowMove
from sekvens.errors import FlowConflict, UnknownFlow
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.definition import Flow
from sekvens.flows.moving import Policy

#: Versions never change, so neither does a move to one; the digest tells two databases apart.
_moves: dict[tuple[str, int, str], FlowMove] = {}


def history(
    session: Session, name: str | None = None, *, is_brief: bool = False
) -> Sequence[FlowVersion]:
    """List the versions of a flow, or of all, the newest first.

    `is_brief`: what they consist of is read only of those of which it is asked for.
    """
    query = select(FlowVersion).order_by(FlowVersion.flow, FlowVersion.version.desc())
    if is_brief:
        query = query.options(defer(FlowVersion.definition), defer(FlowVersion.templates))
    if name is not None:
        query = query.where(FlowVersion.flow == name)
    return session.scalars(query).all()


def flow_move(session: Session, name: str, version: int) -> FlowMove:
    """Make what moves an enrollment to a version, from whichever it is in.

    Raises:
        UnknownFlow: this version is not published.
    """
    row = session.get(FlowVersion, (name, version))
    if row is None:
        raise UnknownFlow(f"{name} v{version} is not published")
    key = (name, version, row.digest)
    if key not in _moves:
        _moves[key] = FlowMove(
            flow=row.definition,
            templates=row.templates,
            policy=row.policy,
            successors=successors_into(session, from_json(Flow, row.definition)),
            undoes=row.undoes is not None,
        )
    return _moves[key]


def publish_templates(
    session: Session, name: str, templates: Mapping[str, str], *, change: Change, now: datetime
) -> FlowVersion:
    """Publish a flow's live version once more, with other e-mails in it (name -> digest), as live.

    Its number is the next one that is free: the repository's file does not know of it, and to
    publish the same from there takes that number. `now` is wall time.

    Raises:
        UnknownFlow: nobody may enter this flow.
        FlowConflict: it moves people and has not all the steps at which they stand.
    """
    take_turn(session, Turn.PUBLISH, name)
    rows = history(session, name)
    live = next((row for row in rows if row.live), None)
    if live is None:
        raise UnknownFlow(f"{name!r} has no live version, so that nobody would get the e-mail")
    flow = replace(from_json(Flow, live.definition), version=rows[0].version + 1)
    if change.policy is not Policy.FINISH_OLD:
        refuse_stranding(session, flow)
    published = add_version(
        session, to_json(flow), {**live.templates, **templates}, change=change, now=now
    )
    make_live(session, name, flow.version)
    return published


@dataclass(frozen=True, kw_only=True)
class Undoing:
    """What taking a live version back comes to."""

    takes: FlowVersion  #: the live version
    brings: FlowVersion  #: the one before it
    flow: Flow  #: that one's definition, under its new number
    policy: Policy


def plan_undo(session: Session, name: str) -> Undoing:
    """Tell what `undo` would do now; nothing is written.

    Raises:
        UnknownFlow: nobody may enter this flow.
        FlowConflict: there is no version before the live one.
    """
    versions = history(session, name)
    live = next((row for row in versions if row.live), None)
    if live is None:
        raise UnknownFlow(f"{name!r} has no live version, so there is nothing to undo")
    before = next((row for row in versions if row.version < live.version), None)
    if before is None:
        raise FlowConflict(f"{name} v{live.version} is its first version: there is none before it")
    recomputes = live.policy == Policy.RECOMPUTE_WAITS
    return Undoing(
        takes=live,
        brings=before,
        flow=replace(from_json(Flow, before.definition), version=versions[0].version + 1),
        policy=Policy.RECOMPUTE_WAITS if recomputes else Policy.MOVE_AT_NEXT_STEP,
    )


def undo(
    session: Session, name: str, *, author: str | None, note: str | None, now: datetime
) -> FlowVersion:
    """Take the live version back: the one before it is published again, as a newer version.

    Who is under way in the live version is moved to it, and who has not gone on since it moved them
    stands as before. To undo an undo is to bring back what it took. `now` is wall time.

    Raises:
        UnknownFlow: nobody may enter this flow.
        FlowConflict: there is no version before the live one.
    """
    take_turn(session, Turn.PUBLISH, name)
    plan = plan_undo(session, name)
    undone = add_version(
        session,
        to_json(plan.flow),
        dict(plan.brings.templates),
        change=Change(policy=plan.policy, author=author, note=note),
        now=now,
    )
    undone.moves_from, undone.undoes = plan.takes.version, plan.takes.version
    make_live(session, name, plan.flow.version)
    return undone
