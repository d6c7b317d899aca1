"""Steps that a version which moves people takes away: each names where to go on, or is refused.

Nobody is stranded all the same: who reaches such a step before their move comes goes on at the next
step of the old version that is left (`sekvens.flows.moving.landing`).
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment, EnrollmentState, FlowVersion
from sekvens.errors import FlowConflict
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.moving import all_successors, removed


def refuse_stranding(session: Session, flow: Flow) -> None:
    """Refuse a version that moves people and says not where to go on from a step it has no more.

    Raises:
        FlowConflict: steps of the live version, or of an older one in which somebody is under way,
            have no successor.
    """
    unnamed = without_successor(session, flow)
    if not unnamed:
        return
    said = ", ".join(f"{step} ({count} there)" if count else step for step, count in unnamed)
    named = ", ".join(f'"{step}": "…"' for step, _ in unnamed)
    raise FlowConflict(
        f"{flow.name} v{flow.version} moves people and has no step {said}. Name where they go on, "
        f"successors={{{named}}}, in the flow's file (None: they are through), or publish with "
        "--policy finish_old"
    )


def without_successor(session: Session, flow: Flow) -> list[tuple[str, int]]:
    """List the steps that a version takes away and names no successor of, and how many are there.

    A step counts if it is of the live version, or of one in which somebody is under way.
    """
    standing = standing_at(session, flow.name)
    successors = successors_into(session, flow)
    new = compile_flow(flow)
    counts: dict[str, int] = {}
    for row in _older(session, flow):
        old = from_json(Flow, row.definition)
        at = {step: count for (version, step), count in standing.items() if version == row.version}
        if not at and not row.live:
            continue
        for step in removed(compile_flow(old), new):
            if step not in successors:
                counts[step] = counts.get(step, 0) + at.get(step, 0)
    return list(counts.items())


def successors_into(session: Session, flow: Flow) -> dict[str, str | None]:
    """Tell where to go on in a version from the steps that it and those before it took away."""
    older = [from_json(Flow, row.definition) for row in _older(session, flow)]
    return all_successors([*older, flow])


def standing_at(session: Session, flow: str) -> dict[tuple[int, str | None], int]:
    """Count those under way in a flow by version and step."""
    by = (Enrollment.flow_version, Enrollment.step_id)
    query = select(*by, func.count()).group_by(*by).order_by(*by)
    query = query.where(Enrollment.flow == flow, Enrollment.state != EnrollmentState.ENDED)
    return {(version, step): count for version, step, count in session.execute(query)}


def _older(session: Session, flow: Flow) -> Sequence[FlowVersion]:
    query = select(FlowVersion).where(
        FlowVersion.flow == flow.name, FlowVersion.version < flow.version
    )
    return session.scalars(query.order_by(FlowVersion.version)).all()
