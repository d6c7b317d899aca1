"""Sending in a story: the gate's own verdicts, and SES that takes it, unless it is down."""

from typing import TYPE_CHECKING, Final

from sekvens.enrollments.wire import SendInput
from sekvens.flows.commands import SendMessage
from sekvens.flows.outcomes import Deferred, Outcome, Sent, Skipped, SkipReason
from sekvens.flows.state import changed
from sekvens.flows.steps import Purpose
from sekvens.messages.verdicts import Later, Refused, disturbance, refusal
from sekvens.simulator.moments import Moment, What
from sekvens.simulator.passage import InMemory, Passage

if TYPE_CHECKING:
    from sekvens.simulator.life import Life

#: What an attempt is put off for that SES did not take, as the sender names it.
NOT_SENT = "not_sent"
#: A story's messages have no ids.
_MARKETING: Final = Purpose.MARKETING
_SENT: Final = Sent(message_id="")


def send(life: "Life", passage: Passage, command: SendMessage) -> Outcome:
    """Send the message of one step, unless the gate refuses it, holds it, or SES is down."""
    graph, step = passage.graph, command.step
    order = changed(
        life.stage.order_for(graph.flow, step),
        now=life.now,
        due_at=command.due_at,
        started_at=passage.stay.started_at,
        next_step=command.next_step,
        skip=command.skip,
    )
    resume_at = life.local_time(command.resume) if command.resume is not None else None
    if command.skip:
        return _skip(life, passage, order, Skipped(reason=SkipReason.OPERATOR, resume_at=resume_at))
    known = InMemory(life.facts, passage, order, life.under_way, life.stage.consent)
    verdict = refusal(known, order, graph) or disturbance(known, order, life.stage.rules)
    if isinstance(verdict, Refused):
        skipped = Skipped(reason=verdict.reason, exit=verdict.exit, resume_at=resume_at)
        return _skip(life, passage, order, skipped)
    if isinstance(verdict, Later):
        return _hold(life, passage, order, Deferred(until=verdict.until, reason=verdict.reason))
    takes_at = life.stage.ses_takes_at(life.now, purpose=order.purpose)
    if takes_at > life.now:
        return _hold(life, passage, order, Deferred(until=takes_at, reason=NOT_SENT))
    passage.held = ""
    is_marketing = order.purpose == _MARKETING
    if is_marketing:
        life.facts.receive(life.now)
    if order.offer is not None:
        passage.offered.setdefault(order.offer, life.now)
    life.stand_at(passage, order.next_step)
    life.got(
        Moment(
            life.now, What.SENT, order.flow, order.step_id, order.template, passage.number,
            life.facts.zone, is_marketing, order.past_cap,
            life.stage.mode_of(graph.flow, step),
        )
    )  # fmt: skip
    return _SENT if resume_at is None else changed(_SENT, resume_at=resume_at)


def _skip(life: "Life", passage: Passage, order: SendInput, skipped: Skipped) -> Skipped:
    passage.held = ""
    life.stand_at(passage, order.next_step)
    life.note(
        What.SKIPPED, order.flow, step=order.step_id, text=skipped.reason,
        enrollment=passage.number,
    )  # fmt: skip
    return skipped


def _hold(life: "Life", passage: Passage, order: SendInput, held: Deferred) -> Deferred:
    passage.next_send_at, passage.held = held.until, order.step_id
    life.note(
        What.HELD, order.flow, step=order.step_id, text=held.reason, enrollment=passage.number
    )
    return held
