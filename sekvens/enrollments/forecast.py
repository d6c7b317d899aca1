"""What a version that is not published yet would do to those under way, under each policy.

Nothing is written and nobody is asked: the enrollment table says who stands where and when their
next e-mail is expected, and both versions say how that moves. It is an estimate, as that instant
is: times of day, restarts and holds at the gate are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.publish import pinned_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.changes import Change, ahead, changes
from sekvens.flows.graph import Graph
from sekvens.flows.moving import Policy, is_same, landing, length_of
from sekvens.flows.steps import Step, Wait, WaitFor


@dataclass(frozen=True, kw_only=True)
class Expected:
    """When the next e-mails of some enrollments leave under one policy (shop time)."""

    at_once: int = 0  #: their wait would be over already
    earliest: datetime | None = None  #: of the others
    latest: datetime | None = None
    unknown: int = 0  #: no e-mail is known to come, or not when


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Those of one version who stand at one step, and what would become of them."""

    version: int
    step: str | None
    enrollments: int
    goes_on_at: str | None  #: the step of the new version; None: they would be through
    changes: tuple[str, ...]  #: what lies ahead of them and is different, in words
    expected: Mapping[Policy, Expected] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Shift:
    """By how much the next e-mail moves: with what is expected, or counted from now."""

    by: timedelta | None
    from_now: bool = False


def forecast(
    session: Session,
    new: Graph,
    *,
    edited: Mapping[int, Sequence[str]],
    successors: Mapping[str, str | None],
    now: datetime,
) -> list[Standing]:
    """Tell of everybody under way what the new version would do to them.

    Args:
        session: only read from.
        new: the version that is to be published.
        edited: for each version under way, the templates whose content differs in the new one.
        successors: where to go on from steps that the new version has no more.
        now: shop time.
    """
    by = (Enrollment.flow_version, Enrollment.step_id)
    query = select(*by, func.count()).group_by(*by).order_by(*by)
    query = query.where(Enrollment.flow == new.flow.name, Enrollment.state != EnrollmentState.ENDED)
    found = []
    for version, step, count in session.execute(query).all():
        old = pinned_flow(session, new.flow.name, version).graph
        different = changes(old, new, edited.get(version, ()), successors)
        target = landing(old, new, step, successors)
        found.append(
            Standing(
                version=version,
                step=step,
                enrollments=count,
                goes_on_at=target,
                changes=_ahead_of(old, new, step, target, different),
                expected={
                    policy: _expected(session, old, version, step, now, count, shift)
                    for policy, shift in _shifts(old, new, step, target).items()
                },
            )
        )
    return found


def versions_under_way(session: Session, flow: str) -> list[int]:
    """List the versions of a flow that somebody is under way in, the newest first."""
    query = select(Enrollment.flow_version).distinct().order_by(Enrollment.flow_version.desc())
    query = query.where(Enrollment.flow == flow, Enrollment.state != EnrollmentState.ENDED)
    return list(session.scalars(query))


def _ahead_of(
    old: Graph, new: Graph, step: str | None, target: str | None, different: Sequence[Change]
) -> tuple[str, ...]:
    met = ahead(old, step) | ahead(new, target)
    return tuple(each.text for each in different if each.step is None or each.step in met)


def _shifts(
    old: Graph, new: Graph, step_id: str | None, target: str | None
) -> dict[Policy, _Shift]:
    """Tell by how much the next e-mail of whoever stands at a step moves, under each policy."""
    before, after = old.until_next_send(step_id), new.until_next_send(target)
    old_step, new_step = old.steps.get(step_id or ""), new.steps.get(target or "")
    waited, waits = length_of(old_step), length_of(new_step)
    shifts = {Policy.FINISH_OLD: _Shift(by=timedelta(0))}
    if before is None or after is None:
        unknown = _Shift(by=None)
        return shifts | {Policy.MOVE_AT_NEXT_STEP: unknown, Policy.RECOMPUTE_WAITS: unknown}
    goes_on = (step_id and is_same(old, new, step_id)) or _is_wait(old_step, new_step)
    if waited is None:
        shift = _Shift(by=timedelta(0)) if goes_on else _Shift(by=after, from_now=True)
        return shifts | {Policy.MOVE_AT_NEXT_STEP: shift, Policy.RECOMPUTE_WAITS: shift}
    behind = after - (waits or timedelta(0)) if goes_on else after
    shifts[Policy.MOVE_AT_NEXT_STEP] = _Shift(by=waited + behind - before)
    recomputed = _Shift(by=after - before) if goes_on else _Shift(by=after, from_now=True)
    return shifts | {Policy.RECOMPUTE_WAITS: recomputed}


def _is_wait(old: Step | None, new: Step | None) -> bool:
    return isinstance(old, Wait | WaitFor) and isinstance(new, Wait | WaitFor)


def _expected(
    session: Session,
    old: Graph,
    version: int,
    step: str | None,
    now: datetime,
    count: int,
    shift: _Shift,
) -> Expected:
    if shift.by is None:
        return Expected(unknown=count)
    if shift.from_now:
        at = now + shift.by
        return Expected(at_once=count) if at <= now else Expected(earliest=at, latest=at)
    theirs = (
        Enrollment.flow == old.flow.name,
        Enrollment.flow_version == version,
        Enrollment.step_id == step if step is not None else Enrollment.step_id.is_(None),
        Enrollment.state != EnrollmentState.ENDED,
        Enrollment.next_send_at.is_not(None),
    )
    late = Enrollment.next_send_at <= now - shift.by
    at_once = session.scalar(select(func.count()).where(*theirs, late)) or 0
    coming = select(
        func.count(), func.min(Enrollment.next_send_at), func.max(Enrollment.next_send_at)
    )
    others, earliest, latest = session.execute(coming.where(*theirs, ~late)).one()
    return Expected(
        at_once=at_once,
        earliest=earliest and earliest + shift.by,
        latest=latest and latest + shift.by,
        unknown=count - at_once - others,
    )
