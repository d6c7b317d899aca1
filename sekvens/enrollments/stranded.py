"""Steps that a version which moves people takes away: each names where to go on, or is refused.

That is, if somebody stands there or could still come there. Whoever enters in that very moment is
not stranded: they go on at the next step of the old version that is left
(`sekvens.flows.moving.landing`).
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment, EnrollmentState, FlowVersion
from sekvens.errors import FlowConflict
from sekvens.flows.changes import ahead
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.moving import all_successors, removed


def refuse_stranding(session: Session, flow: Flow) -> None:
    """Refuse a version that moves people and says not where to go on from a step it has no more.

    Raises:
        FlowConflict: steps at which somebody stands, or could come to, have no successor.
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

    A step counts if somebody stands at it, or could still come to it in the version they are in.
    """
    standing = standing_at(session, flow.name)
    successors = successors_into(session, flow)
    new = compile_flow(flow)
    counts: dict[str, int] = {}
    for row in _older(session, flow):
        at = {step: count for (version, step), count in standing.items() if version == row.version}
        if not at:
            continue
        old = compile_flow(from_json(Flow, row.definition))
        met = {each for step in at for each in ahead(old, step)}
        for step in removed(old, new):
            if step in met and step not in successors:
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
