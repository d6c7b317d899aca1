"""Where an enrollment stands, what it is told, and how it goes over to another version; pure.

A part of the workflow, which passes it through its sandbox.
"""

from dataclasses import replace
from datetime import datetime

from sekvens.enrollments.wire import (
    EnrollmentEvent,
    EnrollmentInput,
    EnrollmentView,
    EventsSignal,
    FlowMove,
    JournalLine,
    MoveInput,
)
from sekvens.flows import moving
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.doing import doing
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.state import State
from sekvens.flows.steps import Send


def view_of(
    pinned: EnrollmentInput, graph: Graph, state: State, *, now: datetime
) -> EnrollmentView:
    """Make the readable view of an enrollment."""
    return EnrollmentView(
        flow=graph.flow.name,
        version=graph.flow.version,
        contact_id=pinned.contact_id,
        enrollment_id=pinned.enrollment_id,
        status="ended" if state.exit else "parked" if state.parked else "under way",
        step_id=state.step,
        doing=doing(graph, state, now),
        exit_reason=state.exit,
        journal=tuple(JournalLine(at=entry.at, text=entry.text) for entry in state.journal),
    )


def move_order(pinned: EnrollmentInput, graph: Graph, state: State) -> MoveInput:
    """Order it to be recorded where a moved enrollment stands."""
    return MoveInput(
        enrollment_id=pinned.enrollment_id,
        version=graph.flow.version,
        step_id=state.step,
        counts_from=moving.counts_from(graph, state),
    )


def moved(graph: Graph, to: FlowMove, state: State, *, now: datetime) -> tuple[Graph, State]:
    """Go on by a newer version of the flow; whoever is in it already, or in a newer one, stays."""
    new = compile_flow(from_json(Flow, to.flow))
    if new.flow.version <= graph.flow.version:
        return graph, state
    terms = moving.Terms(
        policy=moving.Policy(to.policy), successors=to.successors, undoes=to.undoes
    )
    return new, moving.move(graph, new, state, terms, now)


def look_again(graph: Graph, state: State, now: datetime) -> State:
    """Try a send that is deferred at once: what held it may hold it no longer."""
    step = graph.steps.get(state.step or "")
    if state.exit is not None or state.due_at is None or not isinstance(step, Send):
        return state
    return replace(state, due_at=None).note(now, f"{step.id}: is looked at again")


def parked_attribute(state: State) -> str | None:
    """Tell in a word what it is parked for; the view has the sentence."""
    return state.parked_code if state.parked else None


def events_for(pinned: EnrollmentInput, signal: EventsSignal) -> tuple[EnrollmentEvent, ...]:
    """Tell a signal's events; none if it was meant for another entry under the same workflow id."""
    return signal.events if signal.enrollment_id in ("", pinned.enrollment_id) else ()
