"""Steps that send nothing, carried out in a story: `sekvens.enrollments.deeds`, in memory."""

from typing import TYPE_CHECKING, assert_never

from sekvens.events.schema import CONTACT_SUPPRESSED, EMAIL_SUBSCRIBED, UNSUBSCRIBED
from sekvens.flows.commands import CarryOut
from sekvens.flows.outcomes import Done, Outcome
from sekvens.flows.steps import Enroll, Rest, SetConsent, SetTrait, Suppress, Webhook
from sekvens.segments.memory import PastEvent
from sekvens.simulator.moments import What
from sekvens.simulator.passage import Passage

if TYPE_CHECKING:
    from sekvens.simulator.life import Life


def carry_out(life: "Life", passage: Passage, command: CarryOut) -> Outcome:
    """Do what one step says; a fact that it records is told to every enrollment afterwards."""
    done = Done(text="skipped") if command.skip else _do(life, passage, command)
    life.stand_at(passage, command.next_step)
    life.note(
        What.CARRIED_OUT, passage.flow, step=command.step.id, text=done.text,
        enrollment=passage.number,
    )  # fmt: skip
    return done


def _do(life: "Life", passage: Passage, command: CarryOut) -> Done:
    deed = command.step
    match deed:
        case SetTrait():
            life.facts.tell_trait(deed.trait, deed.value)
            return Done()
        case SetConsent():
            name = EMAIL_SUBSCRIBED if deed.status == "subscribed" else UNSUBSCRIBED
            _record(life, name, {"source": f"flow {passage.flow}"})
            return Done(text=deed.status)
        case Suppress():
            _record(life, CONTACT_SUPPRESSED, {"reason": deed.reason})
            return Done(text=f"suppressed, {deed.reason}")
        case Rest():
            life.facts.rest(command.due_at + deed.duration)
            return Done(text="rests")
        case Webhook():
            return Done()  # the shop's own system is no part of a story
        case Enroll():
            return _enroll(life, deed)
        case _:
            assert_never(deed)


def _record(life: "Life", name: str, properties: dict[str, object]) -> None:
    life.push(life.now, PastEvent(name, properties, life.now))


def _enroll(life: "Life", deed: Enroll) -> Done:
    graph = life.stage.graph_of(deed.flow)
    if graph is None:
        return Done(text=f"{deed.flow} is off")
    refused = life.entries.refusal(graph, None)
    if refused is not None:
        return Done(text=f"not enrolled in {deed.flow}, {refused}")
    life.start_later(life.entries.enter(graph, None, None))
    return Done(text=f"enrolled in {deed.flow}")
